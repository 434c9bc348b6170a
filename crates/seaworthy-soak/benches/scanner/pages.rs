//! Pages like those that clusters serve, generated: the same bytes each time.

use std::fmt::Write as _;

/// A page and what it is like.
pub(crate) struct Page {
    /// What serves such a page.
    pub(crate) name: &'static str,
    /// The page.
    pub(crate) text: String,
    /// A few metrics that a soak would ask of it.
    pub(crate) wanted: &'static [&'static str],
}

/// All pages of the comparison.
pub(crate) fn all() -> Vec<Page> {
    vec![
        Page {
            name: "kube-state-metrics",
            text: kube_state_metrics(),
            wanted: &["kube_pod_container_status_restarts_total", "kube_pod_status_phase"],
        },
        Page {
            name: "node-exporter",
            text: node_exporter(),
            wanted: &["node_memory_MemAvailable_bytes", "node_load1", "node_filesystem_free_bytes"],
        },
        Page {
            name: "histograms",
            text: histograms(),
            wanted: &["apiserver_request_duration_seconds_count", "process_resident_memory_bytes"],
        },
        Page {
            name: "pepr",
            text: pepr(),
            wanted: &["process_resident_memory_bytes", "nodejs_heap_size_used_bytes", "pepr_cache_miss"],
        },
    ]
}

/// Numbers that look random and are the same in each run (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn hex(&mut self, digits: usize) -> String {
        format!("{:016x}", self.next()).chars().take(digits).collect()
    }

    /// As Go prints floats: shortest digits that read back, an exponent when large.
    fn float(&mut self, below: u64) -> String {
        let whole = self.below(below);
        match self.below(3) {
            0 => format!("{whole}"),
            1 => format!("{whole}.{:06}", self.below(1_000_000)),
            _ => format!("{}.{:09}e+{:02}", 1 + whole % 9, self.below(1_000_000_000), self.below(11)),
        }
    }
}

fn family(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// 600 pods: many series of a few names with long label values.
fn kube_state_metrics() -> String {
    let mut numbers = Numbers(1);
    let mut page = String::new();
    let pods: Vec<_> = (0..600)
        .map(|i| {
            let pod = format!("workload-{}-{}-{}", i % 40, numbers.hex(10), numbers.hex(5));
            let hex = numbers.hex(16);
            (format!("team-{}", i % 25), pod, format!("{}-4c1e-9d2b-{}", &hex[..8], &hex[8..]))
        })
        .collect();
    family(&mut page, "kube_pod_info", "gauge", "[STABLE] Information about pod.");
    for (namespace, pod, uid) in &pods {
        let (node, address) = (numbers.below(30), numbers.below(250));
        let _ = writeln!(
            page,
            "kube_pod_info{{namespace=\"{namespace}\",pod=\"{pod}\",uid=\"{uid}\",host_ip=\"198.18.0.{node}\",pod_ip=\"198.18.4.{address}\",node=\"node-{node}\",created_by_kind=\"ReplicaSet\",created_by_name=\"{}\",priority_class=\"\",host_network=\"false\"}} 1",
            &pod[..pod.len() - 6]
        );
    }
    family(&mut page, "kube_pod_status_phase", "gauge", "[STABLE] The pods current phase.");
    for (namespace, pod, uid) in &pods {
        for phase in ["Pending", "Succeeded", "Failed", "Unknown", "Running"] {
            let value = u8::from(phase == "Running");
            let _ = writeln!(
                page,
                "kube_pod_status_phase{{namespace=\"{namespace}\",pod=\"{pod}\",uid=\"{uid}\",phase=\"{phase}\"}} {value}"
            );
        }
    }
    for (name, kind) in [
        ("kube_pod_container_status_restarts_total", "counter"),
        ("kube_pod_container_status_ready", "gauge"),
        ("kube_pod_container_status_running", "gauge"),
    ] {
        family(&mut page, name, kind, "[STABLE] One of the states of a container.");
        for (namespace, pod, uid) in &pods {
            let _ = writeln!(
                page,
                "{name}{{namespace=\"{namespace}\",pod=\"{pod}\",uid=\"{uid}\",container=\"main\"}} {}",
                numbers.below(3)
            );
        }
    }
    family(&mut page, "kube_pod_created", "gauge", "[STABLE] Unix creation timestamp");
    for (namespace, pod, uid) in &pods {
        let _ = writeln!(
            page,
            "kube_pod_created{{namespace=\"{namespace}\",pod=\"{pod}\",uid=\"{uid}\"}} 1.7{:08}e+09",
            numbers.below(100_000_000)
        );
    }
    page
}

/// Many names with few series each, floats of all kinds.
fn node_exporter() -> String {
    let mut numbers = Numbers(2);
    let mut page = String::new();
    family(&mut page, "node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.");
    for cpu in 0..64 {
        for mode in ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"] {
            let _ =
                writeln!(page, "node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}} {}", numbers.float(1_000_000));
        }
    }
    for item in 0..220 {
        let name =
            format!("node_memory_{}_{}_bytes", ["Active", "Inactive", "Slab", "MemAvailable"][item % 4], item / 4);
        let name = if item == 3 { "node_memory_MemAvailable_bytes" } else { &name };
        family(&mut page, name, "gauge", &format!("Memory information field {item}."));
        let _ = writeln!(page, "{name} {}", numbers.float(9_000_000_000));
    }
    for (name, kind) in [
        ("node_filesystem_free_bytes", "gauge"),
        ("node_filesystem_size_bytes", "gauge"),
        ("node_filesystem_files", "gauge"),
    ] {
        family(&mut page, name, kind, "Filesystem figure.");
        for disk in 0..40 {
            let _ = writeln!(
                page,
                "{name}{{device=\"/dev/mapper/vg0-data{disk}\",fstype=\"ext4\",mountpoint=\"/var/lib/data/{disk}\"}} {}",
                numbers.float(9_000_000_000)
            );
        }
    }
    for item in 0..24 {
        let name = format!("node_network_figure_{item}_total");
        family(&mut page, &name, "counter", "Network device statistic.");
        for device in 0..30 {
            let _ = writeln!(page, "{name}{{device=\"veth{device:08x}\"}} {}", numbers.float(90_000_000));
        }
    }
    family(&mut page, "node_load1", "gauge", "1m load average.");
    let _ = writeln!(page, "node_load1 0.52");
    page
}

/// Buckets upon buckets, as an API server or a controller with many verbs has them.
fn histograms() -> String {
    let mut numbers = Numbers(3);
    let mut page = String::new();
    let bounds =
        ["0.005", "0.025", "0.05", "0.1", "0.2", "0.4", "0.6", "0.8", "1", "1.25", "1.5", "2", "3", "4", "5", "6", "8"];
    let name = "apiserver_request_duration_seconds";
    family(&mut page, name, "histogram", "[STABLE] Response latency distribution in seconds for each verb.");
    for resource in 0..60 {
        for verb in ["GET", "LIST", "PATCH", "POST", "WATCH"] {
            let labels = format!(
                "component=\"apiserver\",dry_run=\"\",group=\"apps\",resource=\"resource{resource}s\",scope=\"namespace\",subresource=\"\",verb=\"{verb}\",version=\"v1\""
            );
            let mut count = 0;
            for bound in bounds {
                count += numbers.below(400);
                let _ = writeln!(page, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
            }
            let _ = writeln!(page, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
            let _ = writeln!(page, "{name}_sum{{{labels}}} {}.{:09}", count / 3, numbers.below(1_000_000_000));
            let _ = writeln!(page, "{name}_count{{{labels}}} {count}");
        }
    }
    family(&mut page, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
    let _ = writeln!(page, "process_resident_memory_bytes 3.12430592e+08");
    page
}

/// A Node.js controller: the default metrics of its client library, garbage collector histograms, summaries per resource.
fn pepr() -> String {
    let mut numbers = Numbers(4);
    let mut page = String::new();
    for (name, kind) in [
        ("process_cpu_user_seconds_total", "counter"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_heap_bytes", "gauge"),
        ("process_open_fds", "gauge"),
        ("nodejs_eventloop_lag_seconds", "gauge"),
        ("nodejs_heap_size_total_bytes", "gauge"),
        ("nodejs_heap_size_used_bytes", "gauge"),
        ("nodejs_external_memory_bytes", "gauge"),
    ] {
        family(&mut page, name, kind, "A figure of the process.");
        let _ = writeln!(page, "{name} {}\n", numbers.below(900_000_000));
    }
    family(&mut page, "nodejs_gc_duration_seconds", "histogram", "Garbage collection duration by kind.");
    for kind in ["minor", "major", "incremental", "weakcb"] {
        let mut count = 0;
        for bound in ["0.001", "0.01", "0.1", "1", "2", "5", "+Inf"] {
            count += numbers.below(5000);
            let _ = writeln!(page, "nodejs_gc_duration_seconds_bucket{{le=\"{bound}\",kind=\"{kind}\"}} {count}");
        }
        let _ = writeln!(page, "nodejs_gc_duration_seconds_sum{{kind=\"{kind}\"}} 0.{:017}", numbers.next() >> 10);
        let _ = writeln!(page, "nodejs_gc_duration_seconds_count{{kind=\"{kind}\"}} {count}");
    }
    for space in ["read_only", "new", "old", "code", "shared", "trusted", "large_object"] {
        for figure in ["total", "used", "available"] {
            let _ = writeln!(
                page,
                "nodejs_heap_space_size_{figure}_bytes{{space=\"{space}\"}} {}",
                numbers.below(90_000_000)
            );
        }
    }
    for name in ["pepr_mutate", "pepr_validate"] {
        family(&mut page, name, "summary", "A summary of a kind of admission request.");
        for quantile in ["0.01", "0.05", "0.5", "0.9", "0.95", "0.99", "0.999"] {
            let _ =
                writeln!(page, "{name}{{quantile=\"{quantile}\"}} {}.{:013}", numbers.below(40), numbers.next() >> 21);
        }
        let _ = writeln!(page, "{name}_sum 0.{:016}\n{name}_count {}", numbers.next() >> 12, numbers.below(9000));
    }
    for name in ["pepr_cache_miss", "pepr_resync_failure_count", "pepr_missed_events"] {
        family(&mut page, name, "gauge", "Number of events by window.");
        for window in 0..300 {
            let (hour, minute) = (window / 12, window % 12 * 5);
            let _ = writeln!(
                page,
                "{name}{{window=\"2026-01-{:02}T{hour:02}:{minute:02}:00.{:03}Z\"}} {}",
                1 + window % 28,
                numbers.below(1000),
                numbers.below(50)
            );
        }
    }
    page
}
