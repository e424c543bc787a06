// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sweep of one parameter: how long a queue of ticket holders takes to pass the lock on, by number of cores.
//!
//!     cargo run --release -p sim --example sweep > handoff.csv

use configs::override_field;

/// A line of CSV for each number of cores.
///
/// # Errors
/// What is wrong with the experiment.
pub(crate) fn run() -> Result<String, String> {
    let loaded = configs::load("hammer8.ron").map_err(|e| e.to_string())?;
    let mut csv = String::from("cores,acquisitions,messages_per_acquisition\n");
    for cores in [1, 2, 4, 8] {
        let mut text = configs::expanded(&loaded.experiment);
        for (field, value) in [("machine.cores", cores.to_string()), ("duration", "20us".to_owned())] {
            text = override_field(&text, field, &value).map_err(|e| e.to_string())?;
        }
        let changed = configs::parse(&text, "hammer8.ron, changed").map_err(|e| e.to_string())?;
        let plan = rqsim::plan::plan(changed).map_err(|e| e.plain)?;
        let record = rqsim::run::run(&plan.loaded, &plan.stages[0], plan.seeds[0], false).record;
        let acquired: u64 = record.contexts.values().map(|c| c.held).sum();
        let messages: u64 = record.traffic.by_class.values().map(|t| t.messages).sum();
        csv += &format!("{cores},{acquired},{:.2}\n", messages as f64 / acquired as f64);
    }
    Ok(csv)
}

#[allow(dead_code, reason = "a test runs the rest as a module")]
fn main() -> Result<(), String> {
    print!("{}", run()?);
    Ok(())
}
