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

use super::{Error, connect::single_try_timeout};
use model::quota::{MailFailure, Recipient};

/// Sends mail through SES.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    /// A verified SES identity. Without one, no mail is sent.
    sender: Option<String>,
}

/// A mail to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    pub to: &'a Recipient,
    pub subject: &'a str,
    /// Plain-text part.
    pub text: &'a str,
    /// HTML part.
    pub html: &'a str,
}

/// Why a mail was not sent. The text says what the operator must do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The stack has no sender address.
    #[error("mail is disabled: the stack has no SenderAddress")]
    NotConfigured,
    /// The address is on SES's suppression list because of bounces or complaints.
    #[error("on the SES suppression list ({0}); remove it there when mail can be delivered again")]
    Suppressed(String),
    /// SES rejected the mail. In its sandbox, SES accepts only verified recipients.
    #[error("SES rejected the mail: {0}")]
    Refused(String),
    /// SES can't be reached or throttles the call.
    #[error("SES unavailable: {0}")]
    Unavailable(String),
    /// SES received the request but did not respond.
    #[error(
        "no response from SES within {} s; the mail may have been sent",
        Mailer::SEND_TIMEOUT.as_secs()
    )]
    NoResponse,
}

impl From<SendError> for MailFailure {
    fn from(why: SendError) -> Self {
        Self { unanswered: why == SendError::NoResponse, why: why.to_string() }
    }
}

/// Transient errors: the send rate or the daily quota is exceeded.
const TRANSIENT: [&str; 2] = ["TooManyRequestsException", "LimitExceededException"];

impl Mailer {
    /// Timeout of a send call. SES usually responds within 0.1 s. A shorter timeout risks sending a
    /// mail twice.
    pub const SEND_TIMEOUT: Duration = Duration::from_secs(8);
    /// Timeout of the suppression check.
    const SUPPRESSION_TIMEOUT: Duration = Duration::from_secs(2);

    /// Without a `sender`, no mail is sent.
    #[must_use]
    pub const fn new(client: Client, sender: Option<String>) -> Self {
        Self { client, sender }
    }

    /// Sends a mail without retries. SES can't detect a repeated mail, so the caller must track
    /// each one.
    ///
    /// # Errors
    /// Returns why the mail was not sent. After [`SendError::NoResponse`], or
    /// [`SendError::Unavailable`] with a broken connection, it may have been sent nevertheless.
    pub async fn send(&self, letter: Mail<'_>) -> Result<(), SendError> {
        let Some(sender) = &self.sender else { return Err(SendError::NotConfigured) };
        self.check_suppression(letter.to).await?;
        let content = message(letter).map_err(|error| SendError::Refused(error.to_string()))?;
        let call = self.client.send_email().from_email_address(format!("Tollgate <{sender}>"));
        let call =
            call.destination(Destination::builder().to_addresses(letter.to.as_str()).build());
        let sent = call.content(content).send().await;
        sent.map(drop).map_err(|error| {
            if matches!(error, SdkError::TimeoutError(_) | SdkError::ResponseError(_)) {
                return SendError::NoResponse;
            }
            let (code, message) = error
                .as_service_error()
                .map(SendEmailError::meta)
                .map_or((None, None), code_and_message);
            match code {
                Some(code) if !TRANSIENT.contains(&code.as_str()) => {
                    SendError::Refused(message.unwrap_or(code))
                }
                Some(code) => SendError::Unavailable(code),
                None => {
                    tracing::warn!(cause = %Error::of("SendEmail", &error), "SES unavailable");
                    SendError::Unavailable("no response".to_owned())
                }
            }
        })
    }

    /// SES accepts mail to suppressed addresses but does not deliver it. If the check fails, the
    /// mail is sent anyway.
    async fn check_suppression(&self, to: &Recipient) -> Result<(), SendError> {
        let call = self.client.get_suppressed_destination().email_address(to.as_str()).customize();
        let asked = call
            .config_override(
                Config::builder().timeout_config(single_try_timeout(Self::SUPPRESSION_TIMEOUT)),
            )
            .send()
            .await;
        match asked {
            Ok(found) => {
                let reason =
                    found.suppressed_destination.map(|found| found.reason.as_str().to_lowercase());
                Err(SendError::Suppressed(reason.unwrap_or_default()))
            }
            Err(error) => {
                let known = error
                    .as_service_error()
                    .is_some_and(GetSuppressedDestinationError::is_not_found_exception);
                if !known {
                    tracing::debug!(
                        cause = %Error::of("GetSuppressedDestination", &error),
                        "suppression check failed"
                    );
                }
                Ok(())
            }
        }
    }
}

fn code_and_message(
    meta: &aws_sdk_sesv2::error::ErrorMetadata,
) -> (Option<String>, Option<String>) {
    (meta.code().map(str::to_owned), meta.message().map(str::to_owned))
}

fn message(letter: Mail<'_>) -> Result<EmailContent, aws_sdk_sesv2::error::BuildError> {
    let utf8 = |data: &str| Content::builder().data(data).charset("UTF-8").build();
    let body = Body::builder().text(utf8(letter.text)?).html(utf8(letter.html)?).build();
    let message = Message::builder().subject(utf8(letter.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}
