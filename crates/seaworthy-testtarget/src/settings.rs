//! The arguments.

/// How the page is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should be.
    Fine,
    /// HTTP 500.
    Broken,
    /// Accepts and never answers.
    Hang,
    /// A byte every now and then.
    Drip,
    /// Bytes without end.
    Endless,
    /// 64 MiB, compressed.
    Bomb,
    /// Points elsewhere.
    Redirect,
    /// No page of metrics.
    Html,
    /// A page without the metrics of [`Manner::Fine`].
    Absent,
    /// `target_level` with other labels at each look, long ones.
    Churn,
    /// One line of 10 MiB.
    Line,
    /// A million series.
    Million,
    /// NaN instead of every number.
    Nan,
    /// Samples from an hour ago.
    Past,
    /// Samples from an hour ahead.
    Future,
    /// Counters that fall every other second.
    Falling,
    /// Gauges that are counters every other second.
    Retyped,
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// `port=`: where the page is served.
    pub(crate) port: u16,
    /// `manner=`: how the page is answered, from `after` on.
    pub(crate) manner: Manner,
    /// `after=`: seconds of age at which manner, level, rise and growth begin.
    pub(crate) after: f64,
    /// `level=`: the value of `target_level`; 1 before `after`.
    pub(crate) level: f64,
    /// `rise=`: how fast `target_failures_total` rises, per second.
    pub(crate) rise: f64,
    /// `count=`: the label of `target_failure_count`, whose value is always 1.
    pub(crate) count: u32,
    /// `grow=`: MiB of memory per second.
    pub(crate) grow_mib_per_second: f64,
    /// `saw=`: MiB that a heap grows to and lets go of again, every `period=` seconds.
    pub(crate) saw_mib: f64,
    /// `period=`: see `saw=`.
    pub(crate) period: f64,
    /// `cache=`: MiB that a bounded cache fills up to, 63 % of what is left every `fill=` seconds.
    pub(crate) cache_mib: f64,
    /// `fill=`: see `cache=`.
    pub(crate) fill: f64,
    /// `fds=`: files that are opened and never closed, per second.
    pub(crate) fds_per_second: f64,
    /// `work=`: how fast `target_events_total` rises, per second ...
    pub(crate) work: f64,
    /// `silent=`: ... until this age in seconds.
    pub(crate) silent: f64,
    /// `exit=`: seconds of age at which it exits with code 1.
    pub(crate) exit_after: Option<f64>,
}

impl Settings {
    /// How many MiB are to be in use at this age.
    pub(crate) fn memory_mib(&self, age: f64) -> f64 {
        let since = (age - self.after).max(0.0);
        let leak = since * self.grow_mib_per_second;
        let saw = self.saw_mib * (age / self.period).fract();
        let cache = self.cache_mib * (1.0 - (-since / self.fill).exp());
        leak + saw + cache
    }

    /// Reads `key=value` arguments.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self {
            port: 8080,
            manner: Manner::Fine,
            after: 0.0,
            level: 1.0,
            rise: 0.0,
            count: 0,
            grow_mib_per_second: 0.0,
            saw_mib: 0.0,
            period: 60.0,
            cache_mib: 0.0,
            fill: 60.0,
            fds_per_second: 0.0,
            work: 0.0,
            silent: f64::INFINITY,
            exit_after: None,
        };
        for argument in arguments {
            settings.set(&argument).ok_or_else(|| format!("{argument:?} is nothing that can be set"))?;
        }
        Ok(settings)
    }

    fn set(&mut self, argument: &str) -> Option<()> {
        let (key, value) = argument.split_once('=')?;
        let number = || value.parse::<f64>().ok();
        match key {
            "port" => self.port = value.parse().ok()?,
            "manner" => self.manner = manner(value)?,
            "after" => self.after = number()?,
            "level" => self.level = number()?,
            "rise" => self.rise = number()?,
            "count" => self.count = value.parse().ok()?,
            "grow" => self.grow_mib_per_second = number()?,
            "saw" => self.saw_mib = number()?,
            "period" => self.period = number()?,
            "cache" => self.cache_mib = number()?,
            "fill" => self.fill = number()?,
            "fds" => self.fds_per_second = number()?,
            "work" => self.work = number()?,
            "silent" => self.silent = number()?,
            "exit" => self.exit_after = Some(number()?),
            _ => return None,
        }
        Some(())
    }
}

fn manner(word: &str) -> Option<Manner> {
    Some(match word {
        "fine" => Manner::Fine,
        "broken" => Manner::Broken,
        "hang" => Manner::Hang,
        "drip" => Manner::Drip,
        "endless" => Manner::Endless,
        "bomb" => Manner::Bomb,
        "redirect" => Manner::Redirect,
        "html" => Manner::Html,
        "absent" => Manner::Absent,
        "churn" => Manner::Churn,
        "line" => Manner::Line,
        "million" => Manner::Million,
        "nan" => Manner::Nan,
        "past" => Manner::Past,
        "future" => Manner::Future,
        "falling" => Manner::Falling,
        "retyped" => Manner::Retyped,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_in_all_manners() {
        let at = |arguments: &[&str], age: f64| {
            Settings::parse(arguments.iter().map(|a| (*a).to_owned())).unwrap().memory_mib(age)
        };
        let is = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-9, "{found}, not {wanted}");
        is(at(&["grow=2", "after=10"], 5.0), 0.0);
        is(at(&["grow=2", "after=10"], 15.0), 10.0);
        is(at(&["saw=20", "period=10"], 7.5), 15.0);
        is(at(&["saw=20", "period=10"], 10.0), 0.0);
        assert!(at(&["cache=30", "fill=10"], 10.0) > 18.0 && at(&["cache=30", "fill=10"], 1000.0) <= 30.0);
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let parse = |all: &[&str]| Settings::parse(all.iter().map(|a| (*a).to_owned()));
        let settings = parse(&["port=1", "manner=drip", "after=2.5", "exit=3"]).unwrap();
        assert_eq!((settings.port, settings.manner, settings.exit_after), (1, Manner::Drip, Some(3.0)));
        for bad in ["x=1", "port=x", "manner=", "level"] {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
    }
}
