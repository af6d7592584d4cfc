//! Prometheus' text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>), as far as it takes to read one metric of a page.
//!
//! Pages come in pieces and may be large: no more than a line is kept, and only lines of the wanted metric are looked into.

mod line;

pub use line::{Sample, Unreadable};

use line::Line;

/// The longest line that is looked at, in bytes; longer ones are unreadable.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Reads the samples of one metric from a page, piece by piece.
#[derive(Debug)]
pub struct Page {
    metric: String,
    /// The begin of a line whose end is yet to come.
    rest: Vec<u8>,
    /// Whether the rest of the line is passed over, since it is too long.
    passing: bool,
    /// Lines that are as the format has them, and others.
    fit: usize,
    unfit: usize,
    /// Whether the metric is named.
    is_known: bool,
}

/// A text that is no page of metrics.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the page is not one of metrics in Prometheus' text format")]
pub struct NotAPage;

impl Page {
    /// A page from which samples of a metric are wanted.
    #[must_use]
    pub fn new(metric: &str) -> Self {
        Self {
            metric: metric.to_owned(),
            rest: Vec::new(),
            passing: false,
            fit: 0,
            unfit: 0,
            is_known: false,
        }
    }

    /// Reads the next piece, and gives each sample that it completes, or what is wrong with it, to `each`.
    pub fn read(&mut self, piece: &[u8], each: &mut dyn FnMut(Result<Sample, Unreadable>)) {
        let mut lines = piece.split(|byte| *byte == b'\n');
        // What comes after the last line's end, which is nothing if the piece ends there.
        let tail = lines.next_back().unwrap_or_default();
        for line in lines {
            if self.passing || self.rest.len() + line.len() > MAX_LINE_BYTES {
                self.too_long(line, each);
            } else if self.rest.is_empty() {
                self.line(line, each);
            } else {
                self.rest.extend_from_slice(line);
                let line = std::mem::take(&mut self.rest);
                self.line(&line, each);
                self.rest = line;
            }
            self.rest.clear();
            self.passing = false;
        }
        let room = (MAX_LINE_BYTES + 1).saturating_sub(self.rest.len());
        self.rest.extend_from_slice(&tail[..tail.len().min(room)]);
        self.passing |= self.rest.len() > MAX_LINE_BYTES;
    }

    /// What the page was like as a whole: whether it knows the metric, of which it then has samples, or says the type at least. A last line
    /// without an end may be half of one, so it isn't read.
    ///
    /// # Errors
    /// When less than half of it were lines of metrics, or there were none.
    pub fn end(
        mut self,
        each: &mut dyn FnMut(Result<Sample, Unreadable>),
    ) -> Result<bool, NotAPage> {
        if self.passing {
            self.too_long(&[], each);
        } else if !self.rest.trim_ascii().is_empty() {
            match Line::of(&self.rest, &self.metric) {
                Line::Wanted(_) => each(Err(Unreadable::CutOff)),
                Line::Blank | Line::Comment | Line::Type | Line::Other => self.fit += 1,
                Line::Foreign => self.unfit += 1,
            }
        }
        if self.fit > self.unfit { Ok(self.is_known) } else { Err(NotAPage) }
    }

    fn line(&mut self, line: &[u8], each: &mut dyn FnMut(Result<Sample, Unreadable>)) {
        match Line::of(line, &self.metric) {
            Line::Blank => {}
            Line::Comment | Line::Other => self.fit += 1,
            Line::Foreign => self.unfit += 1,
            Line::Type => {
                self.fit += 1;
                self.is_known = true;
            }
            Line::Wanted(rest) => {
                self.fit += 1;
                self.is_known = true;
                each(line::sample(rest));
            }
        }
    }

    fn too_long(&mut self, begin: &[u8], each: &mut dyn FnMut(Result<Sample, Unreadable>)) {
        let begin = if self.rest.is_empty() { begin } else { &self.rest };
        match Line::of(begin, &self.metric) {
            Line::Wanted(_) => each(Err(Unreadable::TooLong)),
            Line::Blank | Line::Comment | Line::Type | Line::Other => {}
            Line::Foreign => self.unfit += 1,
        }
    }
}

#[cfg(test)]
mod tests;
