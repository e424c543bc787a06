// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables on pages of the documentation, between marks that say who made them.

use crate::plan::InputError;

/// The page with the text between the marks of this name replaced. `by` is the command that makes it.
///
/// # Errors
/// A page without these marks.
pub fn replace(page: &str, name: &str, by: &str, text: &str) -> Result<String, InputError> {
    let (begin, end) = (format!("<!-- {name}: made by {by} -->\n"), format!("<!-- end of {name} -->"));
    let missing = || {
        let what = format!("the page has no lines `{}` and `{end}`", begin.trim_end());
        InputError::text(&what, "put them where the table belongs")
    };
    let from = page.find(&begin).ok_or_else(missing)? + begin.len();
    let to = page[from..].find(&end).ok_or_else(missing)? + from;
    Ok(format!("{}{text}{}", &page[..from], &page[to..]))
}
