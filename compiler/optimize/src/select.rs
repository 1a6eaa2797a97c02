//! Which variant a call runs: a decision on its batch and length, made of the cost model's crossings.
//!
//! ```text
//! B < 4:  T < 96: 0, else 1        the variants by number
//! else:   1
//! ```

use crate::cost::Point;
use std::fmt;
use std::str::FromStr;

/// Longest sequence that is looked at; beyond, nothing changes any more.
const LONGEST: i64 = 1 << 20;

/// Picks a variant for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    rows: Vec<Row>,
}

/// Calls of fewer sequences than this (any number, where there is no bound).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    below: Option<i64>,
    steps: Vec<Step>,
}

/// Sequences shorter than this run this variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    below: Option<i64>,
    variant: usize,
}

impl Selector {
    /// Always this variant.
    #[must_use]
    pub fn always(variant: usize) -> Self {
        Self { rows: vec![Row { below: None, steps: vec![Step { below: None, variant }] }] }
    }

    /// The cheapest variant for each batch and length, `seconds` telling what each costs.
    pub(crate) fn cheapest(batch: i64, seconds: &dyn Fn(Point) -> Vec<f64>) -> Self {
        let few = row(1, seconds);
        let many = row(batch.max(1), seconds);
        if few == many {
            return Self { rows: vec![Row { below: None, steps: many }] };
        }
        let kind = |steps: &[Step]| -> Vec<usize> { steps.iter().map(|step| step.variant).collect() };
        // The smallest batch that is decided as the hint's is.
        let (mut low, mut high) = (1, batch);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if kind(&row(middle, seconds)) == kind(&many) { high = middle } else { low = middle }
        }
        Self { rows: vec![Row { below: Some(high), steps: few }, Row { below: None, steps: many }] }
    }

    /// The variant for a call.
    #[must_use]
    pub fn pick(&self, batch: i64, time: i64) -> usize {
        let under = |below: Option<i64>, n: i64| below.is_none_or(|below| n < below);
        let row = self.rows.iter().find(|row| under(row.below, batch));
        let step = row.and_then(|row| row.steps.iter().find(|step| under(step.below, time)));
        step.map_or(0, |step| step.variant)
    }

    /// The variants that it can pick, in order.
    #[must_use]
    pub fn variants(&self) -> Vec<usize> {
        let mut all: Vec<usize> =
            self.rows.iter().flat_map(|row| &row.steps).map(|step| step.variant).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The same with other numbers for the variants.
    #[must_use]
    pub fn renumbered(mut self, number: &dyn Fn(usize) -> usize) -> Self {
        for row in &mut self.rows {
            row.steps.iter_mut().for_each(|step| step.variant = number(step.variant));
            row.steps.dedup_by(|next, earlier| {
                let same = next.variant == earlier.variant;
                if same {
                    earlier.below = next.below;
                }
                same
            });
        }
        if let [few, many] = self.rows.as_slice()
            && few.steps == many.steps
        {
            self.rows.remove(0);
        }
        self
    }

    /// When a variant is picked, as a person reads it; empty where it always is.
    #[must_use]
    pub fn when(&self, variant: usize) -> String {
        let mut cases = Vec::new();
        let mut from_batch = None;
        for row in &self.rows {
            let mut from_time = None;
            for step in &row.steps {
                if step.variant == variant {
                    let batch = range("B", from_batch, row.below);
                    let time = range("T", from_time, step.below);
                    let both: Vec<String> = [batch, time].into_iter().flatten().collect();
                    cases.push(both.join(" and "));
                }
                from_time = step.below;
            }
            from_batch = row.below;
        }
        cases.join(", or ")
    }
}

/// `4 <= B < 8`.
fn range(name: &str, from: Option<i64>, below: Option<i64>) -> Option<String> {
    match (from, below) {
        (None, None) => None,
        (None, Some(2)) => Some(format!("{name} = 1")),
        (None, Some(below)) => Some(format!("{name} < {below}")),
        (Some(from), None) => Some(format!("{name} >= {from}")),
        (Some(from), Some(below)) => Some(format!("{from} <= {name} < {below}")),
    }
}

/// The cheapest variants of one batch, by length: at powers of two, with the crossings between them found by halving.
fn row(batch: i64, seconds: &dyn Fn(Point) -> Vec<f64>) -> Vec<Step> {
    let best = |time: i64, current: Option<usize>| {
        let times = seconds(Point { batch, time });
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        // A variant stays where no other is better by a tenth: the model is no finer than that.
        match current.filter(|n| times.get(*n).is_some_and(|time| *time <= least * 1.1)) {
            Some(current) => current,
            None => times.iter().position(|time| *time <= least).unwrap_or(0),
        }
    };
    let mut steps = Vec::new();
    let mut current = best(1, None);
    let mut time = 1;
    while time < LONGEST {
        let next = best(time * 2, Some(current));
        if next != current {
            let (mut low, mut high) = (time, time * 2);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if best(middle, Some(current)) == current { low = middle } else { high = middle }
            }
            steps.push(Step { below: Some(high), variant: current });
            current = next;
        }
        time *= 2;
    }
    steps.push(Step { below: None, variant: current });
    steps
}

/// `B<4:T<96=0,1;1`: rows of batches, in each the lengths with their variants; what has no bound is last.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, row) in self.rows.iter().enumerate() {
            let end = if n > 0 { ";" } else { "" };
            f.write_str(end)?;
            if let Some(below) = row.below {
                write!(f, "B<{below}:")?;
            }
            for (n, step) in row.steps.iter().enumerate() {
                f.write_str(if n > 0 { "," } else { "" })?;
                if let Some(below) = step.below {
                    write!(f, "T<{below}=")?;
                }
                write!(f, "{}", step.variant)?;
            }
        }
        Ok(())
    }
}

/// A text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not say which variant to run")]
pub struct NoSelector(String);

impl FromStr for Selector {
    type Err = NoSelector;

    fn from_str(text: &str) -> Result<Self, NoSelector> {
        let wrong = || NoSelector(text.to_owned());
        let rows = text.split(';').map(|row| {
            let (below, steps) = match row.strip_prefix("B<") {
                Some(row) => {
                    let (below, steps) = row.split_once(':').ok_or_else(wrong)?;
                    (Some(below.parse().map_err(|_| wrong())?), steps)
                }
                None => (None, row),
            };
            let steps = steps.split(',').map(|step| {
                let (below, variant) = match step.strip_prefix("T<") {
                    Some(step) => {
                        let (below, variant) = step.split_once('=').ok_or_else(wrong)?;
                        (Some(below.parse().map_err(|_| wrong())?), variant)
                    }
                    None => (None, step),
                };
                Ok(Step { below, variant: variant.parse().map_err(|_| wrong())? })
            });
            Ok(Row { below, steps: steps.collect::<Result<_, _>>()? })
        });
        Ok(Self { rows: rows.collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
    use super::*;

    /// Variant 0 costs 1 a row; variant 1 costs 100 and a tenth of it a row.
    fn crossing(point: Point) -> Vec<f64> {
        let rows = (point.batch * point.time) as f64;
        vec![rows, 100.0 + rows / 10.0]
    }

    #[test]
    fn the_cheaper_variant_is_picked_but_for_a_tenth() {
        let selector = Selector::cheapest(8, &crossing);
        for batch in [1, 8] {
            for time in [1, 7, 50, 200, 1000, 1 << 18] {
                let point = Point { batch, time };
                let times = crossing(point);
                let least = times[0].min(times[1]);
                let picked = times[selector.pick(batch, time)];
                assert!(picked <= 1.1 * least, "{batch} {time}: {picked} {least}, {selector}");
            }
        }
    }

    #[test]
    fn what_never_crosses_has_no_condition() {
        let selector = Selector::cheapest(8, &|_| vec![1.0, 2.0]);
        assert_eq!(selector, Selector::always(0));
        assert_eq!(selector.when(0), "");
    }

    #[test]
    fn conditions_read_as_ranges_and_the_text_is_read_back() {
        let selector: Selector = "B<4:T<96=0,1;1".parse().unwrap();
        assert_eq!(selector.when(0), "B < 4 and T < 96");
        assert_eq!(selector.when(1), "B < 4 and T >= 96, or B >= 4");
        assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
        assert_eq!([selector.pick(1, 95), selector.pick(1, 96), selector.pick(4, 1)], [0, 1, 1]);
        assert!("B<x:1".parse::<Selector>().is_err());
    }

    #[test]
    fn equal_variants_are_joined() {
        let selector: Selector = "B<4:T<96=0,1;2".parse().unwrap();
        assert_eq!(selector.renumbered(&|_| 0), Selector::always(0));
    }
}
