//! Repositories of our own making, and a git server over http on the loopback address.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs git with a fixed identity and clock.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "init.defaultBranch=main", "-c", "core.hooksPath=/dev/null"])
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_AUTHOR_DATE", "1700000000 +0000"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_DATE", "1700000000 +0000"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with work tree.
pub(crate) struct Repo {
    pub(crate) dir: PathBuf,
}

impl Repo {
    pub(crate) fn new(root: &Path, name: &str) -> Self {
        let dir = root.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        git(&dir, &["init", "--quiet"]);
        git(&dir, &["config", "uploadpack.allowFilter", "true"]);
        git(&dir, &["config", "http.receivepack", "true"]);
        Self { dir }
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.dir, args)
    }

    /// Commits a change of one file; the new commit's id.
    pub(crate) fn commit(&self, file: &str, message: &str) -> String {
        let path = self.dir.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap_or_default();
        text.push_str(message);
        std::fs::write(&path, text).unwrap();
        self.git(&["add", "--all"]);
        let text = self.dir.join(".git/message");
        std::fs::write(&text, message).unwrap();
        self.git(&["commit", "--quiet", "--cleanup=verbatim", "-F", &text.to_string_lossy()]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.dir.display())
    }
}

/// What the Job said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) termination: String,
}

/// Runs the Job's program.
pub(crate) fn job(url: &str, revision: &str, extra: &[&str]) -> Said {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("termination-log");
    let output: Output = Command::new(env!("CARGO_BIN_EXE_seaworthy-git"))
        .args([&format!("--url={url}"), &format!("--revision={revision}")])
        .args(["--credentials", "/does/not/exist", "--timeout-seconds", "60"])
        .args(["--work-dir", &scratch.path().to_string_lossy()])
        .args(extra)
        .env("SEAWORTHY_TERMINATION_LOG", &log)
        .output()
        .unwrap();
    let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["termination-log"], "nothing is left behind: {}", String::from_utf8_lossy(&output.stderr));
    Said {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        termination: std::fs::read_to_string(log).unwrap(),
    }
}

/// `git http-backend` behind a small HTTP server; each connection has a thread.
pub(crate) struct Server {
    pub(crate) address: String,
}

impl Server {
    /// Serves the repositories under `root`. With a login, everything else is answered with 401.
    pub(crate) fn start(root: &Path, login: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let root = root.to_owned();
        let expected = login.map(|login| {
            use base64::Engine as _;
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login))
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, expected) = (root.clone(), expected.clone());
                std::thread::spawn(move || drop(serve(&stream, &root, expected.as_deref())));
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}/.git", self.address)
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Request> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
            reader.by_ref().take(length).read_to_end(&mut request.body)?;
            reader.read_line(&mut line)?;
            if length == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length").and_then(|value| value.parse().ok()) {
        reader.by_ref().take(length).read_to_end(&mut request.body)?;
    }
    Ok(request)
}

fn serve(stream: &TcpStream, root: &Path, expected: Option<&str>) -> std::io::Result<()> {
    let request = read_request(&mut BufReader::new(stream))?;
    let mut out = stream;
    if expected.is_some() && request.header("authorization") != expected {
        return out.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding").unwrap_or_default())
        .env("GIT_PROTOCOL", request.header("git-protocol").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().unwrap();
    let body = request.body;
    let feeder = std::thread::spawn(move || drop(input.write_all(&body)));
    let mut answer = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut answer)?;
    let _ = feeder.join();
    child.wait()?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    write!(out, "HTTP/1.1 {status}\r\nConnection: close\r\n{head}\r\n\r\n")?;
    out.write_all(answer.get(split + 4..).unwrap_or_default())
}
