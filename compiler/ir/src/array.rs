//! A tensor value: what the interpreter computes with and what tests compare.

use crate::DType;

/// Entries in row-major order. Reals are held as f64 whatever their type, integers as i64, complex numbers as (re, im).
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Of `f16 bf16 f32 f64`.
    Real(Vec<f64>),
    /// Of `c64`.
    Complex(Vec<[f64; 2]>),
    /// Of `i32 u8`.
    Int(Vec<i64>),
    /// Of `bool`.
    Bool(Vec<bool>),
}

/// The same expression for whichever vector the data is, put back into the same variant.
macro_rules! same_data {
    ($data:expr, $entries:ident => $body:expr) => {
        match $data {
            $crate::array::Data::Real($entries) => $crate::array::Data::Real($body),
            $crate::array::Data::Complex($entries) => $crate::array::Data::Complex($body),
            $crate::array::Data::Int($entries) => $crate::array::Data::Int($body),
            $crate::array::Data::Bool($entries) => $crate::array::Data::Bool($body),
        }
    };
}
pub(crate) use same_data;

impl Data {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Real(x) => x.len(),
            Self::Complex(x) => x.len(),
            Self::Int(x) => x.len(),
            Self::Bool(x) => x.len(),
        }
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// So many zeros of the element type's variant.
    #[must_use]
    pub fn zeros(dtype: DType, len: usize) -> Self {
        match dtype {
            DType::F32 | DType::F16 | DType::BF16 | DType::F64 => Self::Real(vec![0.0; len]),
            DType::C64 => Self::Complex(vec![[0.0; 2]; len]),
            DType::I32 | DType::U8 => Self::Int(vec![0; len]),
            DType::Bool => Self::Bool(vec![false; len]),
        }
    }
}

/// A tensor value. Made by the constructors, so that the data is of the element type's variant and as long as the shape says.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    dtype: DType,
    shape: Vec<usize>,
    data: Data,
}

impl Array {
    /// A tensor of this element type; `None` if the data is of another variant or length.
    #[must_use]
    pub fn new(dtype: DType, shape: Vec<usize>, data: Data) -> Option<Self> {
        Self::fits(dtype, &shape, &data).then_some(Self { dtype, shape, data })
    }

    fn fits(dtype: DType, shape: &[usize], data: &Data) -> bool {
        let variant = match data {
            Data::Real(_) => dtype.is_float(),
            Data::Complex(_) => dtype.is_complex(),
            Data::Int(_) => dtype.is_integer(),
            Data::Bool(_) => dtype == DType::Bool,
        };
        let len = shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
        variant && len == Some(data.len())
    }

    /// For code that made data and shape together.
    pub(crate) fn of(dtype: DType, shape: Vec<usize>, data: Data) -> Self {
        debug_assert!(Self::fits(dtype, &shape, &data));
        Self { dtype, shape, data }
    }

    /// f32 entries, rounded to f32; `None` if their number is not the shape's.
    #[must_use]
    pub fn f32(shape: &[usize], entries: &[f64]) -> Option<Self> {
        let entries = entries.iter().map(|x| round_real(DType::F32, *x)).collect();
        Self::new(DType::F32, shape.to_vec(), Data::Real(entries))
    }

    /// c64 entries, both parts rounded to f32; `None` if their number is not the shape's.
    #[must_use]
    pub fn c64(shape: &[usize], entries: &[[f64; 2]]) -> Option<Self> {
        let entries = entries.iter().map(|z| z.map(|x| round_real(DType::F32, x))).collect();
        Self::new(DType::C64, shape.to_vec(), Data::Complex(entries))
    }

    /// i32 entries; `None` if their number is not the shape's.
    #[must_use]
    pub fn i32(shape: &[usize], entries: &[i32]) -> Option<Self> {
        let entries = entries.iter().map(|n| i64::from(*n)).collect();
        Self::new(DType::I32, shape.to_vec(), Data::Int(entries))
    }

    /// bool entries; `None` if their number is not the shape's.
    #[must_use]
    pub fn bool(shape: &[usize], entries: &[bool]) -> Option<Self> {
        Self::new(DType::Bool, shape.to_vec(), Data::Bool(entries.to_vec()))
    }

    /// Zeros, `false` for bools.
    #[must_use]
    pub fn zeros(dtype: DType, shape: &[usize]) -> Self {
        Self { dtype, shape: shape.to_vec(), data: Data::zeros(dtype, shape.iter().product()) }
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Sizes of the axes.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The entries.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The entries, without a copy.
    #[must_use]
    pub fn into_data(self) -> Data {
        self.data
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries of a real tensor.
    #[must_use]
    pub fn as_real(&self) -> Option<&[f64]> {
        if let Data::Real(x) = &self.data { Some(x) } else { None }
    }

    /// The entries of a complex tensor.
    #[must_use]
    pub fn as_complex(&self) -> Option<&[[f64; 2]]> {
        if let Data::Complex(x) = &self.data { Some(x) } else { None }
    }

    /// The entries of an integer tensor.
    #[must_use]
    pub fn as_int(&self) -> Option<&[i64]> {
        if let Data::Int(x) = &self.data { Some(x) } else { None }
    }

    /// The entries of a bool tensor.
    #[must_use]
    pub fn as_bool(&self) -> Option<&[bool]> {
        if let Data::Bool(x) = &self.data { Some(x) } else { None }
    }

    /// The same tensor as its element type stores it: reals rounded to their type, complex parts to f32.
    #[must_use]
    pub fn rounded(&self) -> Self {
        let data = match &self.data {
            Data::Real(x) => Data::Real(x.iter().map(|x| round_real(self.dtype, *x)).collect()),
            Data::Complex(x) => {
                Data::Complex(x.iter().map(|z| z.map(|x| round_real(DType::F32, x))).collect())
            }
            Data::Int(_) | Data::Bool(_) => self.data.clone(),
        };
        Self { data, ..self.clone() }
    }

    /// Entry `index` along `axis`, without that axis; `None` out of range.
    #[must_use]
    pub fn entry(&self, axis: usize, index: usize) -> Option<Self> {
        let size = *self.shape.get(axis)?;
        if index >= size {
            return None;
        }
        let inner: usize = self.shape.iter().skip(axis + 1).product();
        let mut shape = self.shape.clone();
        shape.remove(axis);
        let data = same_data!(&self.data, x => {
            if inner == 0 {
                Vec::new()
            } else {
                let rows = x.chunks_exact(inner).skip(index).step_by(size);
                rows.flatten().copied().collect()
            }
        });
        Some(Self { dtype: self.dtype, shape, data })
    }
}

/// A real number as an element type stores it (to the nearest, ties to even).
#[must_use]
pub fn round_real(dtype: DType, x: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    match dtype {
        DType::F32 | DType::C64 => f64::from(x as f32),
        DType::F16 => half::f16::from_f64(x).to_f64(),
        DType::BF16 => half::bf16::from_f64(x).to_f64(),
        DType::F64 | DType::I32 | DType::U8 | DType::Bool => x,
    }
}

/// A whole number as an element type stores it: the low bits.
#[must_use]
pub fn wrap_int(dtype: DType, n: i64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "wrapping is what is asked for"
    )]
    if dtype == DType::U8 { i64::from(n as u8) } else { i64::from(n as i32) }
}
