//! Prompts with editing, history, and completion of names.

use rustyline::{
    Config, Context, Editor, Helper,
    completion::{Completer, Pair},
    config::CompletionType,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::MemHistory,
    validate::Validator,
};

use crate::failure::Failure;

#[derive(Debug)]
pub enum Line {
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// End of input: Ctrl-D, or the input was closed.
    End,
}

/// Reads edited lines from a terminal, or plain lines if standard input is something else.
pub struct Prompt(Editor<NameCompleter, MemHistory>);

impl Prompt {
    pub fn new() -> Result<Self, Failure> {
        let config =
            Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
        let mut editor = Editor::with_history(config, MemHistory::new()).map_err(terminal_error)?;
        editor.set_helper(Some(NameCompleter::default()));
        Ok(Self(editor))
    }

    /// Replaces the completions.
    pub fn complete_with(&mut self, names: Vec<String>) {
        if let Some(helper) = self.0.helper_mut() {
            helper.0 = names;
        }
    }

    pub fn read(&mut self, prompt: &str) -> Result<Line, Failure> {
        match self.0.readline(prompt) {
            Ok(line) => Ok(Line::Text(line)),
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(terminal_error(error)),
        }
    }
}

fn terminal_error(error: ReadlineError) -> Failure {
    Failure::Local(format!("terminal error: {error}"))
}

/// Completion candidates.
#[derive(Default)]
struct NameCompleter(Vec<String>);

impl Completer for NameCompleter {
    type Candidate = Pair;

    /// Completes the whole line if a candidate starts with it, else the last word.
    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = &line[..position];
        let last_word = typed.rfind(char::is_whitespace).map_or(0, |space| space + 1);
        let begun = |from: usize| -> Vec<Pair> {
            let names = self.0.iter().filter(|name| name.starts_with(&typed[from..]));
            names
                .map(|name| Pair { display: name.clone(), replacement: format!("{name} ") })
                .collect()
        };
        let whole = begun(0);
        Ok(if whole.is_empty() { (last_word, begun(last_word)) } else { (0, whole) })
    }
}

impl Hinter for NameCompleter {
    type Hint = String;
}
impl Highlighter for NameCompleter {}
impl Validator for NameCompleter {}
impl Helper for NameCompleter {}
