use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::ApiError;
use api::{Cursor, DEFAULT_LIMIT, InvalidCursor, MAX_LIMIT, Problem, decode_start};
use model::{
    event::ReadFrom,
    id::{AccountId, JobId, KeyId},
    name::Name,
    records::Identifier,
};

/// Query parameters of a request. Handlers take them one by one; [`end`](Self::end) then rejects
/// unknown ones, which are mostly typing errors.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

impl Query {
    /// Decodes `application/x-www-form-urlencoded`: `+` is a space, `%2B` a plus sign.
    fn parse(query: &str) -> Result<Self, Problem> {
        // The parser replaces invalid UTF-8 silently, so it is rejected here.
        percent_decode_str(query).decode_utf8().map_err(|_| Problem::InvalidParameter {
            name: "query",
            detail: "must be UTF-8".to_owned(),
        })?;
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }

    /// Takes a parameter, if present.
    ///
    /// # Errors
    /// When it must be given once or can't be parsed.
    pub fn take<T: FromStr<Err: Display>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        let invalid = |detail: String| Problem::InvalidParameter { name, detail };
        let mut given = self.0.extract_if(.., |(key, _)| key == name).map(|(_, value)| value);
        let (first, second) = (given.next(), given.next());
        if second.is_some() {
            return Err(invalid("must be given once".into()));
        }
        first
            .map(|text| text.parse().map_err(|error: T::Err| invalid(error.to_string())))
            .transpose()
    }

    /// Takes every `account`; empty if there is none.
    ///
    /// # Errors
    /// When one isn't an account id, or there must have at most `most entries`.
    pub fn accounts(&mut self, max: usize) -> Result<BTreeSet<AccountId>, Problem> {
        let invalid = |detail: String| Problem::InvalidParameter { name: "account", detail };
        let given = self.0.extract_if(.., |(key, _)| key == "account");
        let read =
            given.map(|(_, text)| text.parse().map_err(|_| invalid(AccountId::RULE.to_owned())));
        let accounts = read.collect::<Result<BTreeSet<_>, _>>()?;
        if accounts.len() > max {
            return Err(invalid(format!("names more than {max} accounts")));
        }
        Ok(accounts)
    }

    /// Takes `after`, the cursor where reading events starts.
    ///
    /// # Errors
    /// When it is neither `now` nor a cursor of events.
    pub fn start(&mut self) -> Result<ReadFrom, Problem> {
        let invalid = |error: InvalidCursor| Problem::InvalidParameter {
            name: "after",
            detail: error.to_string(),
        };
        decode_start(self.take::<String>("after")?.as_deref()).map_err(invalid)
    }

    /// Takes `account`, the account that the request acts for, if it isn't the caller's own.
    ///
    /// # Errors
    /// When it isn't an account id.
    pub fn account(&mut self) -> Result<Option<AccountId>, Problem> {
        self.take::<String>("account")?.map(|text| text.parse()).transpose().map_err(|_| {
            Problem::InvalidParameter { name: "account", detail: AccountId::RULE.to_owned() }
        })
    }

    /// Takes `limit`, the page size.
    ///
    /// # Errors
    /// When it isn't a number from 1 to 100.
    pub fn limit(&mut self) -> Result<usize, Problem> {
        match self.take::<usize>("limit") {
            Ok(None) => Ok(DEFAULT_LIMIT),
            Ok(Some(limit)) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => Err(Problem::InvalidParameter {
                name: "limit",
                detail: format!("must be a whole number from 1 to {MAX_LIMIT}"),
            }),
        }
    }

    /// Takes `cursor`, the key after which the page starts, for the list described by `list`.
    ///
    /// # Errors
    /// When it belongs to another list, is damaged, or its key can't be parsed.
    pub fn cursor<T: FromStr>(&mut self, list: &str) -> Result<Option<T>, Problem> {
        let invalid = |error: InvalidCursor| Problem::InvalidParameter {
            name: "cursor",
            detail: error.to_string(),
        };
        let Some(text) = self.take::<String>("cursor")? else { return Ok(None) };
        let cursor = Cursor::decode(&text, list).map_err(invalid)?;
        cursor.after.parse().map(Some).map_err(|_| invalid(InvalidCursor))
    }

    /// Checks that no parameter is left.
    ///
    /// # Errors
    /// When there is an unknown parameter.
    pub fn reject_unknown(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((unknown, _)) => {
                let shown: String = unknown.chars().take(40).collect();
                Err(Problem::InvalidParameter {
                    name: "query",
                    detail: format!("has an unknown parameter {shown:?}"),
                })
            }
        }
    }
}

/// Path parameter that names a resource.
#[derive(Debug)]
pub struct PathParam<T>(pub T);

pub trait PathParamValue: FromStr {
    /// Name of the parameter in problem details.
    const NAME: &'static str;
    /// Problem detail for a value that can't be parsed.
    const RULE: &'static str;
}

impl PathParamValue for JobId {
    const NAME: &'static str = "id";
    const RULE: &'static str = "must be a job id, such as job_01kagzwy00e81840g2081040g2";
}

impl PathParamValue for AccountId {
    const NAME: &'static str = "id";
    const RULE: &'static str = "must be an account id, such as acc_01kagzwy00e40r2081040g2081";
}

impl PathParamValue for KeyId {
    const NAME: &'static str = "key_id";
    const RULE: &'static str = "must be a key id, such as key_01kagzwy00ec1r60r30c1g60r3";
}

impl PathParamValue for Name {
    const NAME: &'static str = "name";
    const RULE: &'static str =
        "must be 1 to 64 of a–z, 0–9, '.', '_' and '-', starting with a letter or digit";
}

impl PathParamValue for Identifier {
    const NAME: &'static str = "table";
    const RULE: &'static str =
        "must be 1 to 63 of A–Z, a–z, 0–9 and '_', starting with a letter or '_'";
}

impl<S: Send + Sync, T: PathParamValue> FromRequestParts<S> for PathParam<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::from(Problem::NotFound))?;
        parse_param(&text).map(Self)
    }
}

/// Path with two parameters: a resource and one that belongs to it.
impl<S: Send + Sync, A: PathParamValue, B: PathParamValue> FromRequestParts<S>
    for PathParam<(A, B)>
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((of, text)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::from(Problem::NotFound))?;
        Ok(Self((parse_param(&of)?, parse_param(&text)?)))
    }
}

fn parse_param<T: PathParamValue>(text: &str) -> Result<T, ApiError> {
    let invalid = Problem::InvalidParameter { name: T::NAME, detail: T::RULE.to_owned() };
    text.parse().map_err(|_| invalid.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    #[test]
    fn decodes_percent_encoding_exactly() {
        let data = |text: &str| query(text).take::<String>("data").unwrap().unwrap();
        for (given, read) in [
            ("data=a+b%20c", "a b c"),
            ("data=1%2B1%3D2%26x", "1+1=2&x"),
            ("data=gr%C3%BC%C3%9Fe", "grüße"),
            ("data=%7B%22a%22%3A1%7D", "{\"a\":1}"),
            ("data=100%25%zz", "100%%zz"),
            ("%64ata=a=b", "a=b"),
            ("data=%EF%BF%BD", "\u{fffd}"),
        ] {
            assert_eq!(data(given), read, "{given}");
        }
        for broken in ["data=%FF", "data=%C3", "%C3=%BC"] {
            assert!(Query::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn rejects_cursors_of_other_lists_and_types() {
        let given = |after: &str| {
            query(&format!("cursor={}", Cursor { after: after.to_owned() }.encode("kinds")))
        };
        assert_eq!(given("echo").cursor::<Name>("kinds").unwrap(), Some("echo".parse().unwrap()));
        assert_eq!(query("").cursor::<Name>("kinds").unwrap(), None);
        assert!(given("echo").cursor::<Name>("jobs").is_err());
        assert!(given("No Name").cursor::<Name>("kinds").is_err());
    }

    #[test]
    fn details_name_the_parameter_and_the_rule() {
        let detail = |problem: Problem| problem.body("").detail;
        insta::assert_snapshot!(
            detail(query("kind=%20").take::<Name>("kind").unwrap_err()),
            @"kind must be 1 to 64 of a–z, 0–9, '.', '_' and '-', starting with a letter or digit."
        );
        insta::assert_snapshot!(
            detail(query("kind=a&kind=b").take::<Name>("kind").unwrap_err()),
            @"kind must be given once."
        );
        insta::assert_snapshot!(
            detail(query("limit=0").limit().unwrap_err()),
            @"limit must be a whole number from 1 to 100."
        );
        insta::assert_snapshot!(
            detail(query("stauts=failed").reject_unknown().unwrap_err()),
            @r#"query has an unknown parameter "stauts"."#
        );
        assert_eq!(query("").limit().unwrap(), DEFAULT_LIMIT);
    }
}
