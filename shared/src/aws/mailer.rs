use std::time::Duration;

use aws_sdk_sesv2::{
    Client,
    config::Config,
    error::SdkError,
    operation::{
        get_suppressed_destination::GetSuppressedDestinationError, send_email::SendEmailError,
    },
    types::{Body, Content, Destination, EmailContent, Message},
};

use super::{Error, connect::within};
use crate::quota::{NotTaken, Recipient};

/// Sends mails through SES.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    /// Whom mails come from, an identity that SES knows; without one none are sent.
    sender: Option<String>,
}

/// A mail to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// Who gets it.
    pub to: &'a Recipient,
    /// What it is about.
    pub subject: &'a str,
    /// The mail for programs that show text.
    pub text: &'a str,
    /// The same for those that show HTML.
    pub html: &'a str,
}

/// Why a mail wasn't sent, in words for whoever can do something about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The stack has no sender.
    #[error("mails are off: the stack has no SenderAddress")]
    Off,
    /// SES wouldn't deliver it: mails to this address came back, or were complained of.
    #[error(
        "is on SES's suppression list ({0}); take it off there when mails can be delivered again"
    )]
    Suppressed(String),
    /// SES turned it away. In its sandbox it takes mails to verified addresses alone.
    #[error("SES refused it: {0}")]
    Refused(String),
    /// SES is away, or sent enough for now.
    #[error("SES could not take it: {0}")]
    Unavailable(String),
    /// SES got it, and didn't say what became of it.
    #[error("SES did not answer within {} s: it may have been sent", Mailer::PATIENCE.as_secs())]
    Unanswered,
}

impl From<NotSent> for NotTaken {
    fn from(why: NotSent) -> Self {
        Self { unanswered: why == NotSent::Unanswered, why: why.to_string() }
    }
}

/// What passes by itself: the rate or the day's quota of mails is used up.
const PASSING: [&str; 2] = ["TooManyRequestsException", "LimitExceededException"];

impl Mailer {
    /// For how long SES may think about a mail. It answers in a tenth of a second as a rule; who doesn't wait for it sends the mail twice.
    pub const PATIENCE: Duration = Duration::from_secs(8);
    /// For how long it may look whether it delivers to an address.
    const GLANCE: Duration = Duration::from_secs(2);

    /// Mails from `sender`; none are sent without one.
    #[must_use]
    pub const fn new(client: Client, sender: Option<String>) -> Self {
        Self { client, sender }
    }

    /// Sends a mail, in one try: SES has no way to tell a repeat from another mail, so that the caller has to know of each.
    ///
    /// # Errors
    /// Why it was not sent. After [`NotSent::Unanswered`], and where the connection broke after [`NotSent::Unavailable`], it may have been all the
    /// same.
    pub async fn send(&self, letter: Letter<'_>) -> Result<(), NotSent> {
        let Some(sender) = &self.sender else { return Err(NotSent::Off) };
        self.check_suppression(letter.to).await?;
        let content = message(letter).map_err(|error| NotSent::Refused(error.to_string()))?;
        let call = self.client.send_email().from_email_address(format!("Tollgate <{sender}>"));
        let call =
            call.destination(Destination::builder().to_addresses(letter.to.as_str()).build());
        let sent = call.content(content).send().await;
        sent.map(drop).map_err(|error| {
            if matches!(error, SdkError::TimeoutError(_) | SdkError::ResponseError(_)) {
                return NotSent::Unanswered;
            }
            let (code, message) =
                error.as_service_error().map(SendEmailError::meta).map_or((None, None), told);
            match code {
                Some(code) if !PASSING.contains(&code.as_str()) => {
                    NotSent::Refused(message.unwrap_or(code))
                }
                Some(code) => NotSent::Unavailable(code),
                None => {
                    tracing::warn!(cause = %Error::of("SendEmail", &error), "SES doesn't answer");
                    NotSent::Unavailable("it doesn't answer".to_owned())
                }
            }
        })
    }

    /// SES takes mails to suppressed addresses, and doesn't deliver them. Where it can't be asked, the mail itself will tell.
    async fn check_suppression(&self, to: &Recipient) -> Result<(), NotSent> {
        let call = self.client.get_suppressed_destination().email_address(to.as_str()).customize();
        let asked = call
            .config_override(Config::builder().timeout_config(within(Self::GLANCE)))
            .send()
            .await;
        match asked {
            Ok(found) => {
                let reason =
                    found.suppressed_destination.map(|found| found.reason.as_str().to_lowercase());
                Err(NotSent::Suppressed(reason.unwrap_or_default()))
            }
            Err(error) => {
                let known = error
                    .as_service_error()
                    .is_some_and(GetSuppressedDestinationError::is_not_found_exception);
                if !known {
                    tracing::debug!(cause = %Error::of("GetSuppressedDestination", &error), "suppression is unknown");
                }
                Ok(())
            }
        }
    }
}

fn told(meta: &aws_sdk_sesv2::error::ErrorMetadata) -> (Option<String>, Option<String>) {
    (meta.code().map(str::to_owned), meta.message().map(str::to_owned))
}

fn message(letter: Letter<'_>) -> Result<EmailContent, aws_sdk_sesv2::error::BuildError> {
    let utf8 = |data: &str| Content::builder().data(data).charset("UTF-8").build();
    let body = Body::builder().text(utf8(letter.text)?).html(utf8(letter.html)?).build();
    let message = Message::builder().subject(utf8(letter.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}
