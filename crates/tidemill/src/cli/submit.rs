//! The options of `run` and `shell`: spark-submit's, with its precedence, and what they come to.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::properties;
use crate::Settings;

const RUN_HELP: &str = "\
A program that says `import pyspark` gets Tidemill: nothing in it has to change. What the program sets itself wins over
these options, and the options win over the file of properties. Without a master it runs on all cores of this machine.

Examples:
  tidemill run app.py
  tidemill run --master local[4] --name words app.py logs/ --top 10
  tidemill run --conf spark.streaming.backpressure.enabled=true --py-files model.zip app.py

The network word count, in two terminals:
  nc -lk 9999
  tidemill run network_word_count.py localhost 9999";

const SHELL_HELP: &str = "\
Try:
  >>> sc.parallelize(range(10)).map(lambda x: x * x).sum()
  >>> ssc.socketTextStream(\"localhost\", 9999).count().pprint()
  >>> ssc.start()";

/// What was said from outside: the settings, and the files that the program and its tasks need.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Submission {
    /// Settings; those that the program sets itself win over them.
    pub settings: Settings,
    /// Python files and archives that tasks import from.
    pub py_files: Vec<String>,
    /// Files that tasks read.
    pub files: Vec<String>,
    /// Archives that are unpacked for tasks.
    pub archives: Vec<String>,
}

/// A program to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// What was said from outside.
    pub submission: Submission,
    /// The Python file.
    pub file: PathBuf,
    /// What the program finds as its own arguments.
    pub arguments: Vec<OsString>,
}

#[derive(clap::Args)]
#[command(after_help = RUN_HELP)]
pub(super) struct RunOptions {
    #[command(flatten)]
    submit: SubmitOptions,
    /// The Python file, and the program's own arguments
    #[arg(value_name = "APP.PY", required = true, trailing_var_arg = true)]
    program: Vec<OsString>,
}

#[derive(clap::Args)]
#[command(after_help = SHELL_HELP)]
pub(super) struct ShellOptions {
    #[command(flatten)]
    submit: SubmitOptions,
}

/// Options that spark-submit has. Those of clusters are accepted, and hidden: they would be noise to learn.
#[derive(clap::Args, Default)]
pub(super) struct SubmitOptions {
    /// Where to run: local, local[N] for N threads, local[*] for all cores
    #[arg(long)]
    master: Option<String>,
    /// The name of the program; without it, the name of its file
    #[arg(long)]
    name: Option<String>,
    /// A setting; may be given many times
    #[arg(long, short, value_name = "KEY=VALUE")]
    conf: Vec<String>,
    /// A file of settings, a key and a value a line; without it, spark-defaults.conf in $SPARK_CONF_DIR if that is set
    #[arg(long, value_name = "FILE")]
    properties_file: Option<PathBuf>,
    /// Python files and archives (.py, .zip, .egg) that the program and its tasks import from, separated by commas
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    py_files: Vec<String>,
    /// Files that tasks find by SparkFiles.get, separated by commas
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    files: Vec<String>,
    /// Archives that are unpacked for tasks, separated by commas; `a.zip#name` names the folder
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    archives: Vec<String>,
    /// How much memory the program may use, such as 2g
    #[arg(long, value_name = "SIZE")]
    driver_memory: Option<String>,
    /// Tell which settings hold
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    clusters: ClusterOptions,
}

#[derive(clap::Args, Default)]
struct ClusterOptions {
    #[arg(long, hide = true)]
    packages: Option<String>,
    #[arg(long, hide = true)]
    exclude_packages: Option<String>,
    #[arg(long, hide = true)]
    repositories: Option<String>,
    #[arg(long, hide = true)]
    jars: Option<String>,
    #[arg(long, hide = true)]
    class: Option<String>,
    #[arg(long, hide = true)]
    deploy_mode: Option<String>,
    #[arg(long, hide = true)]
    driver_cores: Option<String>,
    #[arg(long, hide = true)]
    driver_java_options: Option<String>,
    #[arg(long, hide = true)]
    driver_class_path: Option<String>,
    #[arg(long, hide = true)]
    driver_library_path: Option<String>,
    #[arg(long, hide = true)]
    executor_memory: Option<String>,
    #[arg(long, hide = true)]
    executor_cores: Option<String>,
    #[arg(long, hide = true)]
    num_executors: Option<String>,
    #[arg(long, hide = true)]
    total_executor_cores: Option<String>,
    #[arg(long, hide = true)]
    queue: Option<String>,
    #[arg(long, hide = true)]
    proxy_user: Option<String>,
    #[arg(long, hide = true)]
    principal: Option<String>,
    #[arg(long, hide = true)]
    keytab: Option<String>,
    #[arg(long, hide = true)]
    supervise: bool,
}

impl RunOptions {
    /// The program that the options name.
    pub(super) fn program(self) -> anyhow::Result<Program> {
        let submission = self.submit.submission()?;
        let mut words = self.program.into_iter();
        let file = PathBuf::from(words.next().unwrap_or_default());
        if !file.exists() {
            bail!(
                "there is no program {}: `tidemill run` takes its options first, then the Python file",
                file.display()
            );
        }
        Ok(Program { submission, file, arguments: words.collect() })
    }
}

impl ShellOptions {
    /// What the options come to.
    pub(super) fn submission(&self) -> anyhow::Result<Submission> {
        self.submit.submission()
    }
}

impl SubmitOptions {
    /// What the options come to: the file of properties, over it `--conf`, over it the options with names of their own.
    pub(super) fn submission(&self) -> anyhow::Result<Submission> {
        let mut settings = self.properties()?;
        for word in &self.conf {
            let Some((key, value)) = word.split_once('=') else {
                bail!("--conf {word} is no setting: write --conf KEY=VALUE");
            };
            settings.set(key.trim(), value.trim());
        }
        for (key, value) in self.named() {
            if let Some(value) = value {
                settings.set(key, value);
            }
        }
        self.clusters.tell();
        if self.verbose {
            tell(&format!("settings: {settings:?}"));
        }
        let (py_files, files, archives) = (self.py_files.clone(), self.files.clone(), self.archives.clone());
        Ok(Submission {
            py_files: or_setting(py_files, &settings, "spark.submit.pyFiles"),
            files: or_setting(files, &settings, "spark.files"),
            archives: or_setting(archives, &settings, "spark.archives"),
            settings,
        })
    }

    fn properties(&self) -> anyhow::Result<Settings> {
        let default = || Some(Path::new(&std::env::var_os("SPARK_CONF_DIR")?).join("spark-defaults.conf"));
        let Some(path) = self.properties_file.clone().or_else(|| default().filter(|path| path.exists())) else {
            return Ok(Settings::new());
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("the file of properties {} cannot be read", path.display()))?;
        let (ours, others): (Vec<_>, Vec<_>) = properties::parse(&text)
            .into_iter()
            .partition(|(key, _)| key.starts_with("spark.") || key.starts_with("tidemill."));
        for (key, _) in others {
            tell(&format!("{key} in {} is no setting of Spark or Tidemill, and is left out", path.display()));
        }
        Ok(Settings::from_pairs(ours))
    }

    /// Options that stand for settings.
    fn named(&self) -> [(&'static str, &Option<String>); 11] {
        let clusters = &self.clusters;
        [
            ("spark.master", &self.master),
            ("spark.app.name", &self.name),
            ("spark.driver.memory", &self.driver_memory),
            ("spark.submit.deployMode", &clusters.deploy_mode),
            ("spark.driver.cores", &clusters.driver_cores),
            ("spark.driver.extraJavaOptions", &clusters.driver_java_options),
            ("spark.executor.memory", &clusters.executor_memory),
            ("spark.executor.cores", &clusters.executor_cores),
            ("spark.executor.instances", &clusters.num_executors),
            ("spark.cores.max", &clusters.total_executor_cores),
            ("spark.yarn.queue", &clusters.queue),
        ]
    }
}

impl ClusterOptions {
    /// Says why options have no effect: once, in a line each.
    fn tell(&self) {
        const NO_JVM: &str = "there is no JVM that could load them, and sources and sinks are built in";
        let unneeded = [
            ("--packages", self.packages.is_some(), NO_JVM),
            ("--jars", self.jars.is_some(), NO_JVM),
            ("--repositories", self.repositories.is_some(), NO_JVM),
            ("--exclude-packages", self.exclude_packages.is_some(), NO_JVM),
            ("--driver-class-path", self.driver_class_path.is_some(), NO_JVM),
            ("--driver-library-path", self.driver_library_path.is_some(), NO_JVM),
            ("--class", self.class.is_some(), "the program is a Python file"),
            ("--proxy-user", self.proxy_user.is_some(), "the program runs as you"),
            ("--principal", self.principal.is_some(), "the program runs as you"),
            ("--keytab", self.keytab.is_some(), "the program runs as you"),
            ("--supervise", self.supervise, "the program runs in this process"),
        ];
        for (option, _, reason) in unneeded.iter().filter(|(_, given, _)| *given) {
            tell(&format!("{option} is not needed: {reason}"));
        }
    }
}

/// The files that an option names, else those of the setting that spark-submit has for it.
fn or_setting(given: Vec<String>, settings: &Settings, key: &str) -> Vec<String> {
    let given =
        if given.is_empty() { settings.get(key).unwrap_or("").split(',').map(str::to_owned).collect() } else { given };
    given.into_iter().map(|path| path.trim().to_owned()).filter(|path| !path.is_empty()).collect()
}

/// A line for whoever started the command.
fn tell(text: &str) {
    // Where nobody reads, nobody is missing it.
    let _ = writeln!(std::io::stderr(), "tidemill: {text}");
}
