//! Where results go: files, a summary for people, an object for programs.

use crate::Context;
use crate::failure::{Failure, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use tensc_ir::DType;
use tensc_runtime::Tensor;
use tensc_runtime::file::npy;
use tensc_runtime::suggest::suggest;
use tensc_runtime::tensor::{Comparison, Summary, compare, summarize, type_text};

/// A result with its name.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) tensor: Tensor,
}

/// Where each result is written, by its number.
pub(crate) struct Destinations {
    files: Vec<(usize, PathBuf)>,
}

impl Destinations {
    /// Reads `--output`: `forward=y.npy`, or `y.npy` where there is one result.
    pub(crate) fn read(outputs: &[String], names: &[String]) -> Result<Self> {
        let mut files: Vec<(usize, PathBuf)> = Vec::new();
        for text in outputs {
            let (number, path) = match text.split_once('=') {
                Some((name, path)) if is_name(name) => {
                    let number = names.iter().position(|known| known == name);
                    (number.ok_or_else(|| no_result(name, names))?, path)
                }
                Some(_) | None => match names {
                    [_] => (0, text.as_str()),
                    _ => {
                        let example = names.first().map_or("y", String::as_str);
                        return Err(Failure::user(format!(
                            "`--output {text}` does not say which of the {} results it takes",
                            names.len()
                        ))
                        .hint(format!("--output {example}={text}")));
                    }
                },
            };
            if path.is_empty() {
                return Err(Failure::user(format!("`--output {text}` names no file")));
            }
            if let Some((_, first)) =
                files.iter().find(|(other, path_)| *other == number || path_.as_os_str() == path)
            {
                return Err(Failure::user(format!(
                    "`--output {text}` comes after `{}` for the same result or file",
                    first.display()
                )));
            }
            files.push((number, path.into()));
        }
        Ok(Self { files })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Writes the results; what was written before an error stays, each file whole.
    pub(crate) fn write(&self, results: &[Named], context: &Context) -> Result<()> {
        let _progress = context.console.progress("writing");
        for (number, path) in &self.files {
            if let Some(result) = results.get(*number) {
                npy::save(path, &result.tensor, &context.cancel)?;
            }
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

fn no_result(name: &str, names: &[String]) -> Failure {
    let failure = Failure::user(format!("there is no result `{name}`"));
    match suggest(name, names.iter().map(String::as_str)) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint(format!("the results are {}", names.join(", "))),
    }
}

/// The results as aligned lines: shape, mean, first and last values, hash.
pub(crate) fn summary_text(results: &[Named]) -> String {
    let rows: Vec<[String; 5]> = results
        .iter()
        .map(|result| {
            let summary = summarize(&result.tensor);
            [
                result.name.clone(),
                type_text(summary.dtype, &summary.shape),
                format!("mean {}", number(summary.dtype, summary.mean, true)),
                values_text(&summary),
                format!("hash {}", summary.hash),
            ]
        })
        .collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for (row, result) in rows.iter().zip(results) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line: Vec<String> = cells.collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
        let not_finite = summarize(&result.tensor).not_finite;
        if not_finite > 0 {
            text.push_str(&format!(
                "{:width$}  {not_finite} entries are NaN or infinite\n",
                "",
                width = widths[0]
            ));
        }
    }
    text
}

fn values_text(summary: &Summary) -> String {
    let list = |values: &[(f64, f64)]| -> String {
        values.iter().map(|value| number(summary.dtype, *value, false)).collect::<Vec<_>>().join(" ")
    };
    match (summary.first.as_slice(), summary.last.as_slice()) {
        ([], _) => "empty".to_owned(),
        (all, []) => format!("[{}]", list(all)),
        (first, last) => format!("[{} .. {}]", list(first), list(last)),
    }
}

/// A number as a person reads it: five digits, or whole.
fn number(dtype: DType, (re, im): (f64, f64), mean: bool) -> String {
    match dtype {
        DType::Bool if !mean => (if re == 0.0 { "false" } else { "true" }).to_owned(),
        DType::I32 | DType::U8 if !mean => format!("{re}"),
        DType::C64 => {
            format!("{}{}{}i", short(re), if im.is_sign_negative() { "-" } else { "+" }, short(im.abs()))
        }
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 | DType::I32 | DType::U8 | DType::Bool => {
            short(re)
        }
    }
}

fn short(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || !x.is_finite() {
        format!("{x}")
    } else if (1e-4..1e6).contains(&size) {
        let digits = 4 - size.log10().floor().clamp(-4.0, 4.0) as i64;
        format!("{x:.0$}", usize::try_from(digits).unwrap_or(0))
    } else {
        format!("{x:.4e}")
    }
}

/// The results as JSON; with errors where they were verified.
pub(crate) fn results_json(results: &[Named], errors: Option<&[Option<Comparison>]>) -> Value {
    let one = |(n, result): (usize, &Named)| {
        let summary = summarize(&result.tensor);
        let values = |values: &[(f64, f64)]| -> Vec<Value> {
            let complex = summary.dtype == DType::C64;
            values.iter().map(|&(re, im)| if complex { json!([re, im]) } else { json!(re) }).collect()
        };
        let mean = values(&[summary.mean]);
        let mut object = json!({
            "name": result.name,
            "dtype": summary.dtype.name(),
            "shape": summary.shape,
            "mean": mean.first(),
            "first": values(&summary.first),
            "last": values(&summary.last),
            "not_finite": summary.not_finite,
            "hash": summary.hash,
        });
        let error = errors.and_then(|errors| errors.get(n).copied().flatten());
        if let (Some(error), Some(fields)) = (error, object.as_object_mut()) {
            fields.insert("relative_rms_error".to_owned(), json!(error.relative_rms));
            fields.insert("max_error".to_owned(), json!(error.max));
        }
        object
    };
    results.iter().enumerate().map(one).collect()
}

/// How far each result is from its reference.
pub(crate) fn compared(results: &[Named], reference: &[Tensor]) -> Vec<Option<Comparison>> {
    results.iter().zip(reference).map(|(result, reference)| compare(&result.tensor, reference)).collect()
}

/// The errors as aligned lines.
pub(crate) fn errors_text(results: &[Named], errors: &[Option<Comparison>]) -> String {
    let width = results.iter().map(|result| result.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (result, error) in results.iter().zip(errors) {
        let line = match error {
            Some(error) if error.differ_in_kind > 0 => {
                format!("{} entries are NaN or infinite on one side only", error.differ_in_kind)
            }
            Some(error) => format!(
                "RMS error {:.2e} of the reference's RMS, largest {:.2e} at entry {}",
                error.relative_rms, error.max, error.at
            ),
            None => "has another shape than the reference".to_owned(),
        };
        text.push_str(&format!("{:<width$}  {line}\n", result.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn outputs_name_results() {
        let read = |outputs: &[&str], results: &[&str]| {
            Destinations::read(&names(outputs), &names(results)).map(|found| found.files).map_err(|failure| {
                failure.messages.into_iter().map(|message| (message.title, message.hint)).next().unwrap()
            })
        };
        assert_eq!(read(&["y.npy"], &["forward"]).unwrap(), [(0, "y.npy".into())]);
        assert_eq!(
            read(&["s=a.npy", "y=b.npy"], &["y", "s"]).unwrap(),
            [(1, "a.npy".into()), (0, "b.npy".into())]
        );
        assert_eq!(read(&["./a=b/y.npy"], &["forward"]).unwrap(), [(0, "./a=b/y.npy".into())]);
        let (title, hint) = read(&["y.npy"], &["y", "s"]).unwrap_err();
        assert_eq!(title, "`--output y.npy` does not say which of the 2 results it takes");
        assert_eq!(hint.unwrap(), "--output y=y.npy");
        let (title, hint) = read(&["forwrad=y.npy"], &["forward"]).unwrap_err();
        assert_eq!(
            (title.as_str(), hint.unwrap().as_str()),
            ("there is no result `forwrad`", "did you mean `forward`?")
        );
        assert!(read(&["y=a.npy", "y=b.npy"], &["y", "s"]).is_err());
        assert!(read(&["y=a.npy", "s=a.npy"], &["y", "s"]).is_err());
    }

    #[test]
    fn numbers_have_five_digits() {
        for (x, text) in [
            (0.0, "0"),
            (1.0, "1.0000"),
            (-0.012345678, "-0.012346"),
            (12345.678, "12346"),
            (1.5e-7, "1.5000e-7"),
            (f64::NAN, "NaN"),
            (2.0e9, "2.0000e9"),
        ] {
            assert_eq!(short(x), text);
        }
    }
}
