//! Where a store is and who asks: from the environment and from Hadoop's settings.

use std::ffi::OsString;

use tidemill_core::Settings;

/// How the names of variables begin that the stores' own tools read.
const PREFIXES: [&str; 3] = ["aws_", "azure_", "google_"];
/// What Hadoop's settings begin with in Spark's.
const HADOOP: &str = "spark.hadoop.";
/// Hadoop's settings, and what the library calls the same.
const NAMES: [(&str, &str); 7] = [
    ("fs.s3a.access.key", "aws_access_key_id"),
    ("fs.s3a.secret.key", "aws_secret_access_key"),
    ("fs.s3a.session.token", "aws_session_token"),
    ("fs.s3a.endpoint", "aws_endpoint"),
    ("fs.s3a.endpoint.region", "aws_region"),
    ("fs.s3a.path.style.access", PATH_STYLE),
    ("fs.s3a.connection.ssl.enabled", TLS),
];
/// Both mean the opposite of what the library asks.
const PATH_STYLE: &str = "aws_virtual_hosted_style_request";
const TLS: &str = "aws_allow_http";

/// Names and values as the library reads them; what is set wins over the environment.
pub(super) fn options(
    environment: impl Iterator<Item = (OsString, OsString)>,
    settings: &Settings,
) -> Vec<(String, String)> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let of_stores = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let variables = environment.filter_map(text).map(|(name, value)| (name.to_lowercase(), value));
    let mut options: Vec<(String, String)> = variables.filter(|(name, _)| of_stores(name)).collect();
    for (hadoop, name) in NAMES {
        if let Some(value) = settings.get(&format!("{HADOOP}{hadoop}")) {
            options.push((name.to_owned(), translated(name, value)));
        }
    }
    options
}

fn translated(name: &str, value: &str) -> String {
    match (name, value.trim().to_lowercase().as_str()) {
        (PATH_STYLE | TLS, "true") => "false".to_owned(),
        (PATH_STYLE | TLS, "false") => "true".to_owned(),
        ("aws_endpoint", endpoint) if !endpoint.contains("://") => format!("https://{}", value.trim()),
        _ => value.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_win_over_the_environment() {
        let environment = [("AWS_REGION", "a"), ("TIMEOUT", "1"), ("AWS_ENDPOINT_URL", "http://b"), ("PATH", "/bin")];
        let settings = Settings::from_pairs([
            ("spark.hadoop.fs.s3a.endpoint.region", "c"),
            ("spark.hadoop.fs.s3a.path.style.access", "true"),
            ("spark.hadoop.fs.s3a.connection.ssl.enabled", "false"),
            ("spark.hadoop.fs.s3a.endpoint", "host:9000"),
        ]);
        let found = options(environment.into_iter().map(|(name, value)| (name.into(), value.into())), &settings);
        let expected = [
            ("aws_region", "a"),
            ("aws_endpoint_url", "http://b"),
            ("aws_endpoint", "https://host:9000"),
            ("aws_region", "c"),
            ("aws_virtual_hosted_style_request", "false"),
            ("aws_allow_http", "true"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
