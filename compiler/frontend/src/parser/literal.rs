//! The values of numbers and strings.

use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// The value of a whole number as written, `_` and all.
pub(super) fn int(text: &str, span: Span) -> Result<i64, Box<Diagnostic>> {
    text.replace('_', "").parse().map_err(|_| {
        Box::new(
            Diagnostic::error("number out of range", span, format!("whole numbers go up to {}", i64::MAX))
                .hint("with a point or an exponent it is a float: `1e30`"),
        )
    })
}

/// The value of a float as written.
pub(super) fn float(text: &str, span: Span) -> Result<f64, Box<Diagnostic>> {
    let value = text.replace('_', "").parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| {
        Box::new(
            Diagnostic::error("number out of range", span, "floats go up to about 1.8e308")
                .hint("`inf` is the infinite number"),
        )
    })
}

/// The text of a string: what is between the quotes, escapes replaced.
pub(super) fn string(source: &str, span: Span) -> Result<String, Box<Diagnostic>> {
    let inner = source.get(1..source.len().saturating_sub(1)).unwrap_or("");
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.char_indices();
    while let Some((at, char)) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        let escaped = chars.next().map_or('\\', |(_, escaped)| escaped);
        text.push(match escaped {
            '"' | '\\' => escaped,
            'n' => '\n',
            't' => '\t',
            _ => {
                let start = span.start + 1 + at as u32;
                let span = Span { start, end: start + 1 + escaped.len_utf8() as u32, ..span };
                let title = format!("unknown escape `\\{escaped}`");
                let hint = "`\\\"` is a quote, `\\\\` a backslash, `\\n` a new line, `\\t` a tab";
                return Err(Box::new(Diagnostic::error(title, span, "not an escape").hint(hint)));
            }
        });
    }
    Ok(text)
}
