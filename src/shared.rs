//! Enums whose numbers cross the boundary: they stand here, and TypeScript gets a generated copy.

/// Defines an enum with a number for each variant. `bridge::contract` writes the same enum, with the
/// same comments, into `lib/engine/native/contract.ts`.
macro_rules! shared_enum {
    (
        $(#[doc = $title:literal])+
        $vis:vis enum $name:ident {
            $($(#[doc = $doc:literal])+ $variant:ident = $value:literal,)+
        }
    ) => {
        $(#[doc = $title])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        $vis enum $name {
            $($(#[doc = $doc])+ $variant = $value,)+
        }

        #[allow(dead_code, reason = "few of the enums are listed outside tests")]
        impl $name {
            /// All variants, by their number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        #[cfg(all(test, feature = "node"))]
        impl $name {
            /// The comment of the enum, a line each.
            pub(crate) const TITLE: &'static [&'static str] = &[$($title),+];
            /// Its variants with their names and comments.
            pub(crate) const VARIANTS: &'static [(Self, &'static str, &'static [&'static str])] =
                &[$((Self::$variant, stringify!($variant), &[$($doc),+]),)+];
        }
    };
}
