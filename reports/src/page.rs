// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report as one page that needs nothing but itself.
use crate::collect::Collection;
use crate::error::Error;
/// The page.
///
/// # Errors
/// [`Error::Draw`] if a figure cannot be drawn.
pub fn html(_seen: &Collection, _against: Option<&str>) -> Result<String, Error> {
    Ok(String::new())
}
