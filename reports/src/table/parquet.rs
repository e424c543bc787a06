// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables as Parquet files.

use super::points::Columns;
use crate::error::Error;

/// The bytes of a Parquet file with these columns: text as UTF-8, counts as unsigned 64-bit integers, measures as optional doubles, integers
/// or flags; Snappy, one group of rows. The same columns give the same bytes.
///
/// # Errors
/// [`Error::Parquet`] if columns differ in length, or if the writer fails.
pub fn parquet(columns: &Columns) -> Result<Vec<u8>, Error> {
    let failed = |e: ::parquet::errors::ParquetError| Error::Parquet(e.to_string());
    write(columns).map_err(failed)
}

/// Which values of a column are there, as Parquet has it: levels of definition.
fn there<T>(values: &[Option<T>]) -> Vec<i16> {
    values.iter().map(|x| i16::from(x.is_some())).collect()
}

fn write(columns: &Columns) -> ::parquet::errors::Result<Vec<u8>> {
    use std::sync::Arc;

    use ::parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
    use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::types::Type;

    use super::points::Values;

    let field = |(name, values): &(String, Values)| {
        let (physical, converted, repetition) = match values {
            Values::Text(_) => (Physical::BYTE_ARRAY, ConvertedType::UTF8, Repetition::REQUIRED),
            Values::Count(_) => (Physical::INT64, ConvertedType::UINT_64, Repetition::REQUIRED),
            Values::Number(_) => (Physical::DOUBLE, ConvertedType::NONE, Repetition::OPTIONAL),
            Values::Whole(_) => (Physical::INT64, ConvertedType::UINT_64, Repetition::OPTIONAL),
            Values::Flag(_) => (Physical::BOOLEAN, ConvertedType::NONE, Repetition::OPTIONAL),
        };
        let field = Type::primitive_type_builder(name, physical).with_converted_type(converted);
        field.with_repetition(repetition).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<::parquet::errors::Result<Vec<_>>>()?;
    let schema = Arc::new(Type::group_type_builder("runs").with_fields(fields).build()?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("rqsim".into());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    for (_, values) in columns {
        let Some(mut column) = group.next_column()? else { break };
        match values {
            Values::Text(v) => {
                let v: Vec<ByteArray> = v.iter().map(|t| ByteArray::from(t.as_str())).collect();
                column.typed::<ByteArrayType>().write_batch(&v, None, None)?;
            }
            Values::Count(v) => {
                // Parquet's unsigned integers have the bits of signed ones.
                let v: Vec<i64> = v.iter().map(|n| *n as i64).collect();
                column.typed::<Int64Type>().write_batch(&v, None, None)?;
            }
            Values::Number(v) => {
                let known: Vec<f64> = v.iter().flatten().copied().collect();
                column.typed::<DoubleType>().write_batch(&known, Some(&there(v)), None)?;
            }
            Values::Whole(v) => {
                let known: Vec<i64> = v.iter().flatten().map(|n| *n as i64).collect();
                column.typed::<Int64Type>().write_batch(&known, Some(&there(v)), None)?;
            }
            Values::Flag(v) => {
                let known: Vec<bool> = v.iter().flatten().copied().collect();
                column.typed::<BoolType>().write_batch(&known, Some(&there(v)), None)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    file.into_inner()
}

#[cfg(test)]
mod tests {
    use super::super::points::Values;
    use super::*;

    #[test]
    fn a_file_comes_back_with_its_types_and_gaps() {
        use ::parquet::file::reader::{FileReader, SerializedFileReader};
        use ::parquet::record::Field;
        let columns: Columns = vec![
            ("stage".into(), Values::Text(vec!["base".into(), "+1 é".into()])),
            ("seed".into(), Values::Count(vec![7, u64::MAX])),
            ("timeouts".into(), Values::Number(vec![None, Some(2.5)])),
            ("worst".into(), Values::Whole(vec![Some(u64::MAX), None])),
            ("expected".into(), Values::Flag(vec![Some(true), None])),
        ];
        let bytes = parquet(&columns).unwrap();
        assert_eq!(bytes, parquet(&columns).unwrap());
        let file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut &file, &bytes).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|r| r.unwrap().get_column_iter().map(|(_, f)| f.clone()).collect())
            .collect();
        assert_eq!(
            rows[0],
            [Field::Str("base".into()), Field::ULong(7), Field::Null, Field::ULong(u64::MAX), Field::Bool(true)]
        );
        let second = [Field::Str("+1 é".into()), Field::ULong(u64::MAX), Field::Double(2.5), Field::Null, Field::Null];
        assert_eq!(rows[1], second);
    }

    #[test]
    fn columns_of_unequal_length_are_refused() {
        let columns: Columns = vec![("a".into(), Values::Count(vec![1, 2])), ("b".into(), Values::Count(vec![1]))];
        assert!(matches!(parquet(&columns), Err(Error::Parquet(_))));
    }
}
