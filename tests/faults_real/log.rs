//! What was done to whom, in a file for whoever looks at a run, and as far as promises depend on it.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    sync::Mutex,
    time::Instant,
};

/// What concerns the mails of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// One was taken, with this subject.
    Sent(String),
    /// That it was, was written down.
    Noted,
    /// A check was held up: it died, or its call failed, or its caller waited no longer.
    Interrupted,
}

/// The log of a run.
#[derive(Debug)]
pub struct Log {
    pub path: PathBuf,
    begun: Instant,
    file: Mutex<File>,
    mails: Mutex<Vec<Mail>>,
}

impl Log {
    /// A new one, in `target/`.
    pub fn create(name: &str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/faults-real"));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.log"));
        let file = Mutex::new(File::create(&path).unwrap());
        Self { path, begun: Instant::now(), file, mails: Mutex::default() }
    }

    pub fn say(&self, line: &str) {
        writeln!(self.file.lock().unwrap(), "{:9.3} {line}", self.begun.elapsed().as_secs_f64())
            .unwrap();
    }

    pub fn mail(&self, what: Mail) {
        self.mails.lock().unwrap().push(what);
    }

    /// The subjects of the mails, in their order.
    pub fn subjects(&self) -> Vec<String> {
        let mails = self.mails.lock().unwrap();
        let sent = mails.iter().filter_map(|mail| match mail {
            Mail::Sent(subject) => Some(subject.clone()),
            _ => None,
        });
        sent.collect()
    }

    /// After how many mails a check was held up before it could say that they were sent.
    pub fn mails_interrupted(&self) -> usize {
        interrupted(&self.mails.lock().unwrap())
    }
}

fn interrupted(mails: &[Mail]) -> usize {
    let is_sent = |mail: &Mail| matches!(mail, Mail::Sent(_));
    let sent = mails.iter().enumerate().filter(|(_, mail)| is_sent(mail));
    let unnoted = sent.filter(|(n, _)| {
        let then: Vec<_> = mails[n + 1..].iter().take_while(|mail| !is_sent(mail)).collect();
        then.contains(&&Mail::Interrupted) && !then.contains(&&Mail::Noted)
    });
    unnoted.count()
}

#[test]
fn a_mail_is_interrupted_that_is_not_noted() {
    use Mail::{Interrupted, Noted};
    let sent = || Mail::Sent("80 %".to_owned());
    assert_eq!(interrupted(&[Interrupted, sent(), Noted, Interrupted, sent(), sent(), Noted]), 0);
    assert_eq!(interrupted(&[sent(), Interrupted, sent(), Noted]), 1);
    assert_eq!(interrupted(&[sent(), Noted, sent(), Interrupted]), 1);
}
