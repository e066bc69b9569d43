//! Times as text, as a column writes them.

use jiff::Timestamp;

/// Microseconds of a second and of a day.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Times in microseconds since 1970 as text: by an strftime pattern if there is one, else as ISO 8601 in UTC, without the time of
/// day where all are midnights. Those of `others` have a say in that, so that both look alike. What is outside the calendar is
/// empty.
///
/// ```
/// let day = 86_400_000_000;
/// assert_eq!(automl_data::moment_texts(&[0, day], &[], None), ["1970-01-01", "1970-01-02"]);
/// assert_eq!(automl_data::moment_texts(&[1_000_000], &[], None), ["1970-01-01 00:00:01"]);
/// assert_eq!(automl_data::moment_texts(&[day], &[], Some("%d.%m.%y")), ["02.01.70"]);
/// assert_eq!(automl_data::moment_texts(&[day], &[1_000_000], None), ["1970-01-02 00:00:00"]);
/// ```
pub fn moment_texts(micros: &[i64], others: &[i64], format: Option<&str>) -> Vec<String> {
    let all = |unit: i64| {
        let mut instants = micros.iter().chain(others);
        instants.all(|micros| micros % unit == 0)
    };
    let usual = if all(DAY) {
        "%Y-%m-%d"
    } else if all(SECOND) {
        "%Y-%m-%d %H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S%.6f"
    };
    // A pattern of days alone would write all times of a day alike.
    let has_clock = |format: &&str| {
        all(DAY)
            || ["%H", "%I", "%T", "%R", "%s"]
                .iter()
                .any(|part| format.contains(part))
    };
    let pattern = format.filter(has_clock).unwrap_or(usual);
    let text = |&micros: &i64| {
        let time = Timestamp::from_microsecond(micros).ok()?;
        jiff::fmt::strtime::format(pattern, &time.to_zoned(jiff::tz::TimeZone::UTC)).ok()
    };
    micros
        .iter()
        .map(|micros| text(micros).unwrap_or_default())
        .collect()
}
