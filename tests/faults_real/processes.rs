//! Finds the functions' processes in Linux's `/proc`.

use std::{fs, net::SocketAddr, path::Path, process::Command};

/// Kills the process at the other end of a connection with SIGKILL. Returns its pid if it still
/// existed.
pub fn kill_peer(peer: SocketAddr, ours: SocketAddr) -> Option<String> {
    let socket = format!("socket:[{}]", inode(peer, ours)?);
    let has = |process: &Path| {
        let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|file| file == Path::new(&socket))
    };
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
    let id = processes.filter(|process| is_function(process)).find(|process| has(process))?;
    let id = id.file_name()?.to_str()?.to_owned();
    Command::new("kill")
        .args(["-9", &id])
        .status()
        .is_ok_and(|status| status.success())
        .then_some(id)
}

fn is_function(process: &Path) -> bool {
    let Ok(environment) = fs::read(process.join("environ")) else { return false };
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.starts_with(b"AWS_LAMBDA_FUNCTION_NAME="))
}

/// Inode of the socket at the other end of a connection, see proc_net_tcp(5).
fn inode(peer: SocketAddr, ours: SocketAddr) -> Option<String> {
    let connections = fs::read_to_string("/proc/net/tcp").unwrap();
    connections.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_at =
            |field: &str, port: u16| field.rsplit(':').next() == Some(&format!("{port:04X}"));
        (is_at(fields[1], peer.port()) && is_at(fields[2], ours.port()))
            .then(|| fields[9].to_owned())
    })
}
