//! The mounted secret, handed to git without a shell and without a password on a command line.
//!
//! A folder with `username` and `password` for http(s), or `ssh-privatekey` and `known_hosts` for ssh; `ca.crt` adds an
//! authority. For http(s) git asks this very program ([`answer`]), which answers only for the URL's own scheme, host and port: a
//! redirect elsewhere learns nothing.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::command::Git;
use crate::error::GitError;
use crate::remote::{Kind, Remote};

/// Set for the process that git asks; holds the origin to answer for.
pub const ASKPASS_FOR: &str = "SEAWORTHY_GIT_ASKPASS_FOR";
/// The folder of the mounted secret.
pub const FOLDER: &str = "SEAWORTHY_GIT_CREDENTIALS";
/// Longest file of a secret.
const MAX_FILE: u64 = 64 * 1024;

/// Prepares git for a remote. `folder` may be missing: then access is anonymous. `scratch` is a private folder for the key.
pub fn apply(git: &mut Git, remote: &Remote, folder: Option<&Path>, scratch: &Path) -> Result<(), GitError> {
    let folder = folder.filter(|folder| folder.is_dir());
    match &remote.kind {
        Kind::File => Ok(()),
        Kind::Http { origin } => http(git, origin, folder),
        Kind::Ssh => ssh(git, folder, scratch),
    }
}

fn http(git: &mut Git, origin: &str, folder: Option<&Path>) -> Result<(), GitError> {
    git.config("http.lowSpeedLimit=1000").config("http.lowSpeedTime=60");
    let Some(folder) = folder else { return Ok(()) };
    if folder.join("ca.crt").is_file() {
        git.env("GIT_SSL_CAINFO", folder.join("ca.crt"));
    }
    if folder.join("password").is_file() {
        let program = std::env::current_exe().map_err(GitError::io("cannot find the running program"))?;
        git.env("GIT_ASKPASS", program).env(ASKPASS_FOR, origin).env(FOLDER, folder);
    } else if folder.join("username").is_file() {
        return Err(GitError::Credentials("the secret has a username but no password; add one".into()));
    }
    Ok(())
}

fn ssh(git: &mut Git, folder: Option<&Path>, scratch: &Path) -> Result<(), GitError> {
    let missing = |what: &str| GitError::Credentials(format!("the secret has no {what}, which ssh needs; add it"));
    let folder =
        folder.ok_or_else(|| GitError::Credentials("ssh needs a secret; name one in credentialsSecretRef".into()))?;
    let key = read(folder, "ssh-privatekey")?.ok_or_else(|| missing("ssh-privatekey"))?;
    let hosts = read(folder, "known_hosts")?.ok_or_else(|| missing("known_hosts"))?;
    // ssh refuses a key that others can read, which a mounted secret often is.
    write(&scratch.join("key"), format!("{}\n", key.trim_end()).as_bytes())?;
    write(&scratch.join("known_hosts"), format!("{}\n", hosts.trim_end()).as_bytes())?;
    let path = |name: &str| scratch.join(name).to_string_lossy().into_owned();
    let (key, hosts) = (path("key"), path("known_hosts"));
    // Git hands this line to a shell.
    if key.contains(['\'', '\\', ' ']) {
        return Err(GitError::Credentials("the working folder's path holds quotes or blanks; choose another".into()));
    }
    let options = "-o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null \
                   -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";
    git.env("GIT_SSH_VARIANT", "ssh");
    git.env("GIT_SSH_COMMAND", format!("ssh -F /dev/null -i '{key}' -o UserKnownHostsFile='{hosts}' {options}"));
    Ok(())
}

/// Answers git's question for a user name or password; `None` when it is not ours to answer.
pub fn answer(prompt: &str, origin: &str, folder: &Path) -> Option<String> {
    let (what, rest) = prompt.split_once(" for '")?;
    let url = rest.split_once('\'')?.0;
    let (scheme, host) = url.split_once("://")?;
    let host = host.split('/').next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if format!("{scheme}://{host}") != origin {
        return None;
    }
    match what {
        "Username" => Some(read(folder, "username").ok()?.unwrap_or_else(|| "git".into()).trim().to_owned()),
        "Password" => Some(read(folder, "password").ok()??.trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}

fn read(folder: &Path, name: &str) -> Result<Option<String>, GitError> {
    let path = folder.join(name);
    match std::fs::metadata(&path) {
        Err(_) => return Ok(None),
        Ok(file) if file.len() > MAX_FILE => {
            return Err(GitError::Credentials(format!("{name} is longer than {MAX_FILE} bytes")));
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(&path).map(Some).map_err(GitError::io(format!("cannot read {name} of the secret")))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(GitError::io("cannot write to the working folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_urls_own_origin_gets_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("username"), "me\n").unwrap();
        std::fs::write(folder.path().join("password"), " s3cret \n").unwrap();
        let ask = |prompt: &str| answer(prompt, "https://example.org:8443", folder.path());
        assert_eq!(ask("Username for 'https://example.org:8443': ").as_deref(), Some("me"));
        assert_eq!(ask("Password for 'https://me@example.org:8443': ").as_deref(), Some(" s3cret "));
        for prompt in [
            "Password for 'https://me@example.org': ",
            "Password for 'http://me@example.org:8443': ",
            "Password for 'https://example.org:8443@evil.example': ",
            "Password for 'https://evil.example/https://example.org:8443': ",
            "Enter passphrase for key '/key': ",
            "Password: ",
            "",
        ] {
            assert_eq!(ask(prompt), None, "{prompt}");
        }
    }

    #[test]
    fn an_incomplete_secret_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut git = Git::new(folder.path(), std::time::Duration::from_secs(1));
        let ssh = Remote::parse("git@example.org:a").unwrap();
        let mut problem =
            |folder: Option<&Path>| apply(&mut git, &ssh, folder, Path::new("/nowhere")).unwrap_err().to_string();
        assert!(problem(None).contains("credentialsSecretRef"));
        assert!(problem(Some(folder.path())).contains("ssh-privatekey"));
        std::fs::write(folder.path().join("ssh-privatekey"), "key").unwrap();
        assert!(problem(Some(folder.path())).contains("known_hosts"));
        std::fs::write(folder.path().join("username"), "me").unwrap();
        let http = Remote::parse("https://example.org/a").unwrap();
        assert!(
            apply(&mut git, &http, Some(folder.path()), Path::new("/nowhere"))
                .unwrap_err()
                .to_string()
                .contains("password")
        );
    }
}
