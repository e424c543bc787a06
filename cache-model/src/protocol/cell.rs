// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a table entry is, and how the enums that index the tables are written.

/// What a controller does when `event` meets `state`.
///
/// `A` is the action type and `S` the state type of the side the table belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<A: 'static, S> {
    /// Take the event: execute the actions in this order, then be in the state.
    Go(&'static [A], S),
    /// Leave the event where it is and offer it again later; on a first-in-first-out network
    /// everything behind it waits as well.
    Stall,
    /// A correct protocol never gets here; the text says why. Reaching it is a model fault.
    Impossible(&'static str),
}

/// Declares an enum that indexes a table: the documentation of a variant is also its printed
/// meaning, and the variants can be listed, so a printer or a test cannot forget one.
macro_rules! table_enum {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $meaning:literal,)+ }) => {
        $(#[$meta])*
        #[allow(non_camel_case_types)] // Published names of states win over Rust's casing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = $meaning] $variant,)+
        }

        impl $name {
            /// Every variant, in the order of the table; `ALL[x as usize] == x`.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant,)+];
            /// Number of variants.
            pub const COUNT: usize = [$(Self::$variant,)+].len();

            /// The name as published and as written in the source.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }

            /// One sentence on what it stands for.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

pub(crate) use table_enum;
