//! The log of a run for its readers, and the record of mails that the promises need.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    sync::Mutex,
    time::Instant,
};

/// A step in the sending of a quota's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailStep {
    /// SES accepted a mail with this subject.
    Sent(String),
    /// The mail was recorded as sent.
    Recorded,
    /// A minute tick died, its call failed, or its caller stopped waiting.
    Interrupted,
}

#[derive(Debug)]
pub struct Log {
    pub path: PathBuf,
    begun: Instant,
    file: Mutex<File>,
    mails: Mutex<Vec<MailStep>>,
}

impl Log {
    /// Creates a log in `target/faults-real/`.
    pub fn create(name: &str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/faults-real"));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.log"));
        let file = Mutex::new(File::create(&path).unwrap());
        Self { path, begun: Instant::now(), file, mails: Mutex::default() }
    }

    pub fn write(&self, line: &str) {
        writeln!(self.file.lock().unwrap(), "{:9.3} {line}", self.begun.elapsed().as_secs_f64())
            .unwrap();
    }

    pub fn record_mail_step(&self, what: MailStep) {
        self.mails.lock().unwrap().push(what);
    }

    /// Subjects of the sent mails in order.
    pub fn subjects(&self) -> Vec<String> {
        let mails = self.mails.lock().unwrap();
        let sent = mails.iter().filter_map(|mail| match mail {
            MailStep::Sent(subject) => Some(subject.clone()),
            _ => None,
        });
        sent.collect()
    }

    /// Mails after which a tick was interrupted before it recorded them.
    pub fn mails_interrupted(&self) -> usize {
        interrupted(&self.mails.lock().unwrap())
    }
}

fn interrupted(mails: &[MailStep]) -> usize {
    let is_sent = |mail: &MailStep| matches!(mail, MailStep::Sent(_));
    let sent = mails.iter().enumerate().filter(|(_, mail)| is_sent(mail));
    let unnoted = sent.filter(|(n, _)| {
        let then: Vec<_> = mails[n + 1..].iter().take_while(|mail| !is_sent(mail)).collect();
        then.contains(&&MailStep::Interrupted) && !then.contains(&&MailStep::Recorded)
    });
    unnoted.count()
}

#[test]
fn counts_mails_interrupted_before_they_are_recorded() {
    use MailStep::{Interrupted, Recorded};
    let sent = || MailStep::Sent("80 %".to_owned());
    assert_eq!(
        interrupted(&[Interrupted, sent(), Recorded, Interrupted, sent(), sent(), Recorded]),
        0
    );
    assert_eq!(interrupted(&[sent(), Interrupted, sent(), Recorded]), 1);
    assert_eq!(interrupted(&[sent(), Recorded, sent(), Interrupted]), 1);
}
