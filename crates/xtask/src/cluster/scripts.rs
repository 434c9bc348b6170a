//! The two shell scripts of a cluster: the guard outside its namespaces and process 1 inside.
//!
//! Why shell: process 1 must adopt and reap whatever is orphaned (containerd's shims), and a shell does that, is small, and
//! does not keep the developer's xtask binary running. Both scripts can be read in the state folder.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Result;

use super::components::{self, Component};
use super::health::IMAGES_READY;
use super::slot::Slot;
use super::state::{ROOT, State};

/// Writes both scripts.
pub(crate) fn write(state: &State, slot: Slot, cgroups: &[PathBuf]) -> Result<()> {
    let components = components::all(state, slot)?;
    for (path, content) in
        [(state.guard_script(), guard(state, cgroups)), (state.init_script(), init(state, slot, &components))]
    {
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Starts process 1 in new namespaces, waits for its end, removes the empty control groups.
///
/// When the guard dies, so do `unshare` (parent-death signal) and process 1 (`--kill-child`).
fn guard(state: &State, cgroups: &[PathBuf]) -> String {
    let init = quote(&state.init_script().display().to_string());
    let folders: Vec<String> = cgroups.iter().map(|path| quote(&path.display().to_string())).collect();
    format!(
        "#!/bin/bash\n\
         # Starts the cluster in namespaces of its own and clears its control groups when it ends.\n\
         setpriv --pdeathsig KILL unshare --net --mount --pid --uts --ipc --fork --kill-child=KILL bash {init} <&0\n\
         for _ in $(seq 50); do\n\
         \x20 left=0\n\
         \x20 for folder in {folders}; do\n\
         \x20   [ -d \"$folder\" ] || continue\n\
         \x20   find \"$folder\" -depth -type d -exec rmdir {{}} + 2>/dev/null\n\
         \x20   [ -d \"$folder\" ] && left=1\n\
         \x20 done\n\
         \x20 [ $left = 0 ] && exit 0\n\
         \x20 sleep 0.1\n\
         done\n",
        folders = folders.join(" "),
    )
}

/// Process 1. It is told what to do by lines on standard input: `start` (the network is there), `api` (start what needs the
/// API server), `stay` (survive the sender).
/// End of input before `stay` means that the sender died: exit, and the kernel ends everything in the namespaces.
fn init(state: &State, slot: Slot, components: &[Component]) -> String {
    let mut script =
        String::from("#!/bin/bash\n# Process 1 of the cluster: mounts, network, supervision of its components.\n");
    let directory = quote(&state.directory.display().to_string());
    let root = quote(ROOT);
    let name = &state.name;
    let node = slot.node_ip();
    let host = slot.host_ip();
    // Own /run, /var/log and /var/lib: containerd, CNI and the kubelet keep records at fixed paths below them.
    let _ = write!(
        script,
        "D={directory}\n\
         read -r line && [ \"$line\" = start ] || exit 0\n\
         set -e\n\
         hostname {name}\n\
         mount --make-rshared /\n\
         mount -t proc proc /proc\n\
         mount -t tmpfs tmpfs /run\n\
         mount -t tmpfs tmpfs /var/log\n\
         mkdir -p /run/keep /run/containerd /run/netns /run/lock /var/log/containers /var/log/pods\n\
         mount --bind \"$D\" /run/keep\n\
         mount -t tmpfs tmpfs /var/lib\n\
         mkdir -p {root} \"$D\"\n\
         mount --bind /run/keep \"$D\"\n\
         mount --make-private \"$D\"\n\
         mount --make-shared \"$D\"\n\
         umount /run/keep\n\
         ip link set lo up\n\
         ip link set eth0 up\n\
         ip addr add {node}/30 dev eth0\n\
         ip route add default via {host}\n\
         echo 1 > /proc/sys/net/ipv4/ip_forward\n\
         set +e\n\
         supervise() {{\n\
         \x20 local name=$1; shift\n\
         \x20 while :; do\n\
         \x20   \"$@\"\n\
         \x20   echo \"$(date -Is) $name ended with status $?; starting it again\"\n\
         \x20   sleep 0.3\n\
         \x20 done </dev/null >>\"$D/logs/$name.log\" 2>&1 &\n\
         }}\n\
         cd \"$D\"\n"
    );
    for component in components.iter().filter(|component| !component.needs_api) {
        supervised(&mut script, component);
    }
    let _ = write!(
        script,
        "(\nuntil ctr --address \"$D/run/containerd.sock\" --namespace k8s.io images import pause.tar; do sleep 0.1; done\n\
         touch {IMAGES_READY}\n) </dev/null >>logs/init.log 2>&1 &\n\
         while read -r line; do\n\
         case $line in\n\
         api)\n"
    );
    for component in components.iter().filter(|component| component.needs_api) {
        supervised(&mut script, component);
    }
    script.push_str(
        ";;\n\
         stay) break ;;\n\
         esac\n\
         done\n\
         [ \"$line\" = stay ] || exit 0\n\
         exec </dev/null\n\
         wait\n",
    );
    script
}

fn supervised(script: &mut String, component: &Component) {
    let line: Vec<String> = component.line.iter().map(|word| quote(word)).collect();
    let _ = writeln!(script, "supervise {} {}", component.name, line.join(" "));
}

/// Quotes a word for the shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        for word in ["plain", "two words", "it's", "$HOME `x` \"q\" \\"] {
            let output =
                crate::run::output(&mut crate::run::command("sh", ["-c", &format!("printf %s {}", quote(word))]));
            assert_eq!(output.unwrap(), word);
        }
    }
}
