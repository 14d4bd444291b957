use crate::error::ConfigError;

/// Leaves room for a bucket, a key and an inbox in a line of 4096 bytes, after which nats-server closes a connection.
const LONGEST: usize = 1024;

/// Where the JetStream API is, if not at its default: in another domain or account.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    setting: &'static str,
    given: String,
    prefix: String,
}

impl Api {
    pub(crate) const DEFAULT_PREFIX: &'static str = "$JS.API";

    pub(crate) fn of_domain(domain: &str) -> Self {
        Self {
            setting: "domain",
            given: domain.to_owned(),
            prefix: format!("$JS.{domain}.API"),
        }
    }

    pub(crate) fn with_prefix(prefix: String) -> Self {
        Self {
            setting: "api_prefix",
            given: prefix.clone(),
            prefix,
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Checks that the prefix is a subject, and that a domain is one part of it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.given.len() > LONGEST {
            return Err(ConfigError::too_long(self.setting, &self.given, LONGEST));
        }
        let is_valid = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '*' | '>');
        let mut parts = self.prefix.split('.');
        let is_subject = parts.all(|part| !part.is_empty() && part.chars().all(is_valid));
        let is_domain = self.setting == "domain";
        if is_subject && !(is_domain && self.given.contains('.')) {
            return Ok(());
        }
        let bound = match is_domain {
            true => "it must be a name without dots, spaces, `*` and `>`",
            false => "it must be a subject without spaces, `*` and `>`, such as `$JS.hub.API`",
        };
        let given = format_args!("{:?}", self.given);
        Err(ConfigError::new(self.setting, given, bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_one_part_of_the_prefix() {
        let hub = Api::of_domain("hub-1");
        assert_eq!((hub.check(), hub.prefix()), (Ok(()), "$JS.hub-1.API"));
        let long = "d".repeat(1025);
        for domain in ["", "a b", "a.b", "*", "a>", &long] {
            let error = Api::of_domain(domain).check().unwrap_err();
            assert_eq!(error.setting(), "domain", "{domain:?}");
        }
    }

    #[test]
    fn a_prefix_is_a_subject() {
        assert_eq!(Api::with_prefix("JS.acc.API".to_owned()).check(), Ok(()));
        let long = "p".repeat(1025);
        for prefix in ["", "a..b", "a.", "a b", "a.*", "a.>", &long] {
            let error = Api::with_prefix(prefix.to_owned()).check().unwrap_err();
            assert_eq!(error.setting(), "api_prefix", "{prefix:?}");
        }
    }
}
