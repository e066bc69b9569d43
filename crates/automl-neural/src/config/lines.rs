//! Where a key stands in a file.

/// The line (from 1) of the key that `path` leads to in a YAML file of nested maps; that of the deepest key on the way
/// that is written on a line of its own. None if not even the first is.
///
/// ```
/// use automl_neural::config::line_of;
/// let path = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect::<Vec<_>>();
/// let text = "data:\n  path: a.csv\noptimizer:\n  lr: 1\n";
/// assert_eq!(line_of(text, &path(&["optimizer", "lr"])), Some(4));
/// assert_eq!(line_of("loss: {tpye: mse}\n", &path(&["loss", "tpye"])), Some(1));
/// ```
pub fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let mut found = None;
    let mut depth = 0;
    // The least indentation that a key of the wanted depth may have.
    let mut indent_min = 0;
    for (index, line) in text.lines().enumerate() {
        let Some(wanted) = path.get(depth) else { break };
        let body = line.trim_start();
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let indent = line.len() - body.len();
        if depth > 0 && indent < indent_min {
            break;
        }
        let key = body.split(':').next().unwrap_or_default().trim();
        let key = key.trim_matches(['"', '\'']);
        let is_deep_enough = depth > 0 || indent == 0;
        if key == wanted && is_deep_enough {
            found = Some(index + 1);
            depth += 1;
            indent_min = indent + 1;
        }
    }
    found
}
