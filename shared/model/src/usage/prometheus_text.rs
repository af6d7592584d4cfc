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
pub struct PageParser {
    metric: String,
    /// Buffered start of an incomplete line.
    buffer: Vec<u8>,
    /// Whether the rest of the current line is skipped because it is too long.
    skipping: bool,
    /// Number of well-formed and of other lines.
    valid_lines: usize,
    invalid_lines: usize,
    /// Whether the page contains the metric.
    is_known: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a page in Prometheus text format")]
pub struct InvalidPage;

impl PageParser {
    #[must_use]
    pub fn new(metric: &str) -> Self {
        Self {
            metric: metric.to_owned(),
            buffer: Vec::new(),
            skipping: false,
            valid_lines: 0,
            invalid_lines: 0,
            is_known: false,
        }
    }

    /// Parses the next chunk. Calls `each` with every sample, or the error of a malformed one.
    pub fn read(&mut self, piece: &[u8], each: &mut dyn FnMut(Result<Sample, Unreadable>)) {
        let mut lines = piece.split(|byte| *byte == b'\n');
        // The text after the last newline; empty if the chunk ends with one.
        let tail = lines.next_back().unwrap_or_default();
        for line in lines {
            if self.skipping || self.buffer.len() + line.len() > MAX_LINE_BYTES {
                self.too_long(line, each);
            } else if self.buffer.is_empty() {
                self.line(line, each);
            } else {
                self.buffer.extend_from_slice(line);
                let line = std::mem::take(&mut self.buffer);
                self.line(&line, each);
                self.buffer = line;
            }
            self.buffer.clear();
            self.skipping = false;
        }
        let room = (MAX_LINE_BYTES + 1).saturating_sub(self.buffer.len());
        self.buffer.extend_from_slice(&tail[..tail.len().min(room)]);
        self.skipping |= self.buffer.len() > MAX_LINE_BYTES;
    }

    /// Ends the page. Returns whether it contains the metric: a sample of it, or at least its type.
    /// A last line without a newline may be truncated, so it is not parsed.
    ///
    /// # Errors
    /// If the page is empty, or at most half of its lines are well-formed.
    pub fn end(
        mut self,
        each: &mut dyn FnMut(Result<Sample, Unreadable>),
    ) -> Result<bool, InvalidPage> {
        if self.skipping {
            self.too_long(&[], each);
        } else if !self.buffer.trim_ascii().is_empty() {
            match Line::of(&self.buffer, &self.metric) {
                Line::Requested(_) => each(Err(Unreadable::CutOff)),
                Line::Blank | Line::Comment | Line::Type | Line::Other => self.valid_lines += 1,
                Line::Invalid => self.invalid_lines += 1,
            }
        }
        if self.valid_lines > self.invalid_lines { Ok(self.is_known) } else { Err(InvalidPage) }
    }

    fn line(&mut self, line: &[u8], each: &mut dyn FnMut(Result<Sample, Unreadable>)) {
        match Line::of(line, &self.metric) {
            Line::Blank => {}
            Line::Comment | Line::Other => self.valid_lines += 1,
            Line::Invalid => self.invalid_lines += 1,
            Line::Type => {
                self.valid_lines += 1;
                self.is_known = true;
            }
            Line::Requested(rest) => {
                self.valid_lines += 1;
                self.is_known = true;
                each(line::sample(rest));
            }
        }
    }

    fn too_long(&mut self, begin: &[u8], each: &mut dyn FnMut(Result<Sample, Unreadable>)) {
        let begin = if self.buffer.is_empty() { begin } else { &self.buffer };
        match Line::of(begin, &self.metric) {
            Line::Requested(_) => each(Err(Unreadable::TooLong)),
            Line::Blank | Line::Comment | Line::Type | Line::Other => {}
            Line::Invalid => self.invalid_lines += 1,
        }
    }
}

#[cfg(test)]
mod tests;
