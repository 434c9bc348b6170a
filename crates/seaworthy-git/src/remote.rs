//! Which URLs are used, and what each kind needs.

use crate::error::GitError;

/// Longest URL.
const MAX_URL: usize = 2048;

/// A checked URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// As given.
    pub url: String,
    /// How it is reached.
    pub kind: Kind,
}

/// How a repository is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// http or https, with `scheme://host:port` in front of which credentials are shown, and to nobody else.
    Http {
        /// Scheme, host and port.
        origin: String,
    },
    /// ssh in either form.
    Ssh,
    /// A folder of this machine.
    File,
}

impl Remote {
    /// Checks a URL. Git knows forms that run programs or read options from a URL; only the plain ones pass.
    pub fn parse(url: &str) -> Result<Self, GitError> {
        let bad = |problem| Err(GitError::BadUrl { url: redacted(url), problem });
        if url.is_empty() || url.len() > MAX_URL {
            return bad("it is empty or longer than 2048 bytes");
        }
        if url.starts_with('-') || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return bad("it starts with '-' or holds blanks");
        }
        let kind = match url.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => match authority(rest) {
                Ok((_, host)) => Kind::Http { origin: format!("{scheme}://{host}") },
                Err(problem) => return bad(problem),
            },
            Some(("ssh", rest)) => match authority(rest) {
                Ok(_) => Kind::Ssh,
                Err(problem) => return bad(problem),
            },
            Some(("file", path)) if path.starts_with('/') => Kind::File,
            Some(_) => return bad("its scheme is not one of https, http, ssh, file"),
            None => match url.split_once(':') {
                Some((target, path)) if !path.is_empty() && !path.starts_with(':') && !target.contains('/') => {
                    match target.split_once('@') {
                        Some((user, host)) if plain_host(host) && !user.is_empty() => Kind::Ssh,
                        _ => return bad("it has no user and host before the colon"),
                    }
                }
                _ => return bad("it has no scheme"),
            },
        };
        Ok(Self { url: url.to_owned(), kind })
    }
}

/// User and host (with port) of what follows the scheme.
fn authority(rest: &str) -> Result<(&str, &str), &'static str> {
    let (authority, path) = rest.split_once('/').ok_or("it has no path")?;
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err("it holds a password, which would show in logs: put it into the secret of credentialsSecretRef");
    }
    if path.is_empty() {
        return Err("it has no path");
    }
    if plain_host(host) { Ok((user, host)) } else { Err("its host is not plain") }
}

/// A host, with or without a port, that no program takes for an option.
fn plain_host(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !host.is_empty() && !host.starts_with(['-', ':', '.']) && host.chars().all(plain)
}

/// The URL without what may be a password.
fn redacted(url: &str) -> String {
    let cut: String = url.chars().take(200).collect();
    match cut.split_once("://").and_then(|(scheme, rest)| rest.rsplit_once('@').map(|(_, host)| (scheme, host))) {
        Some((scheme, host)) => format!("{scheme}://…@{host}"),
        None => cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_urls_pass() {
        let http = |origin: &str| Kind::Http { origin: origin.into() };
        for (url, kind) in [
            ("https://example.org/a/b.git", http("https://example.org")),
            ("http://me@git.example.org:8080/a", http("http://git.example.org:8080")),
            ("ssh://git@example.org:22/a.git", Kind::Ssh),
            ("git@example.org:a/b.git", Kind::Ssh),
            ("file:///srv/git/a", Kind::File),
        ] {
            assert_eq!(Remote::parse(url).unwrap().kind, kind, "{url}");
        }
    }

    #[test]
    fn urls_that_do_other_things_are_refused() {
        for url in [
            "",
            "--upload-pack=touch /tmp/x",
            "ext::sh -c id",
            "ext::id",
            "ftp://example.org/a",
            "/srv/git/a",
            "../a",
            "file://a",
            "https://",
            "https://example.org",
            "https:///a",
            "ssh://-oProxyCommand=id/a",
            "-oProxyCommand=id@host:a",
            "git@-oProxyCommand=id:a",
            "git@host:",
            "https://a b/c",
            "https://example.org/a\nb",
        ] {
            let error = Remote::parse(url).unwrap_err();
            assert_eq!(error.reason(), "BadUrl", "{url}");
        }
        assert!(Remote::parse(&format!("https://example.org/{}", "a".repeat(3000))).is_err());
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let error = Remote::parse("https://me:s3cret@example.org/a").unwrap_err().to_string();
        assert!(error.contains("password") && !error.contains("s3cret"), "{error}");
    }
}
