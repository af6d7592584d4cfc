//! A streaming parser of Prometheus' text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), reduced to one metric.
//!
//! Pages arrive in chunks and may be large. At most one line is buffered, and only lines of the
//! requested metric are parsed.

mod line;

pub use line::{Sample, Unreadable};

use line::Line;

/// Maximum length of a line in bytes; longer ones are reported as unreadable.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Parses the samples of one metric, chunk by chunk.
#[derive(Debug)]
pub struct Page {
    metric: String,
    /// Buffered start of an incomplete line.
    rest: Vec<u8>,
    /// Whether the rest of the current line is skipped because it is too long.
    passing: bool,
    /// Number of well-formed and of other lines.
    fit: usize,
    unfit: usize,
    /// Whether the page contains the metric.
    is_known: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a page in Prometheus text format")]
pub struct NotAPage;

impl Page {
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

    /// Parses the next chunk. Calls `each` with every sample, or the error of a malformed one.
    pub fn read(&mut self, piece: &[u8], each: &mut dyn FnMut(Result<Sample, Unreadable>)) {
        let mut lines = piece.split(|byte| *byte == b'\n');
        // The text after the last newline; empty if the chunk ends with one.
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

    /// Ends the page. Returns whether it contains the metric: a sample of it, or at least its type.
    /// A last line without a newline may be truncated, so it is not parsed.
    ///
    /// # Errors
    /// If the page is empty, or at most half of its lines are well-formed.
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
