//! `table!`: rows of keys as a struct of what was read, and as a table of the language.

/// A table of the configuration: what was read of one, and how it is read.
///
/// The grammar, with what each part becomes:
///
/// ```text
/// table! {
///     /// Where the app is.                            the sentence of the table
///     #[derive(Debug, Default)]
///     pub(crate) struct Upstream at "app.*.upstream" {  the struct, and the path in the reference
///         /// How long a connection to it may take.     the sentence of the key
///         connect: Setting<Duration>                    the field; the key has its name
///             = duration(millis(10), minutes(5))        the kind of value, with its range
///                 .default("3s").by_server(),           further properties, in any order
///     }
///     beside |reader| {                                  fields that are no keys, read from the reader of the table
///         layer: Layer = reader.layer,
///     }
///     not yet {                                         keys that are planned, and refused until then
///         "health": "A path that is asked whether the app is well.",
///     }
/// }
/// ```
///
/// The type of a field has to be what its kind of value reads: a mistake there is a type error in the row. What each
/// property means is documented at its method in `row.rs`.
macro_rules! table {
    (
        $(#[doc = $table_doc:literal])+
        #[derive($($derive:ident),+)]
        pub(crate) struct $name:ident at $path:literal {
            $( $(#[doc = $doc:literal])* $field:ident : $type:ty = $row:expr ),+ $(,)?
        }
        $( beside |$reader:ident| {
            $( $(#[doc = $beside_doc:literal])* $beside:ident : $beside_type:ty = $value:expr ),+ $(,)?
        } )?
        $( not yet { $( $later:literal : $later_doc:literal ),+ $(,)? } )?
    ) => {
        $(#[doc = $table_doc])+
        #[derive($($derive),+)]
        pub(crate) struct $name {
            /// Where the table starts.
            pub(crate) at: $crate::location::Location,
            $( $(#[doc = $doc])* pub(crate) $field: $type, )+
            $( $( $(#[doc = $beside_doc])* pub(crate) $beside: $beside_type, )+ )?
        }

        impl $crate::keys::nested::ConfigTable for $name {
            const TABLE: &'static $crate::keys::Table = &$crate::keys::Table {
                path: $path,
                doc: $crate::keys::row::unpadded(concat!($($table_doc),+)),
                keys: &[
                    $( $row.key(stringify!($field), concat!($($doc),*)), )+
                    $( $( $crate::keys::Key::not_yet($later, $later_doc), )+ )?
                ],
            };

            fn read(reader: &$crate::keys::reader::Reader<'_>) -> Self {
                $( const { $row }.require(reader, stringify!($field)); )+
                $( let $reader = reader; )?
                Self {
                    at: reader.at.clone(),
                    $( $field: const { $crate::keys::row::of_type::<$type, _>($row) }.read(reader, stringify!($field)), )+
                    $( $( $beside: $value, )+ )?
                }
            }
        }

        impl $crate::keys::row::Layered for $name {
            fn over(self, below: Self) -> Self {
                Self {
                    at: self.at,
                    $( $field: const { $row }.over(self.$field, below.$field), )+
                    $( $( $beside: self.$beside, )+ )?
                }
            }

            fn locations(
                &self,
                table: ::std::borrow::Cow<'static, str>,
                put: &mut dyn FnMut(::std::borrow::Cow<'static, str>, &$crate::location::Location),
            ) {
                $(
                    let key = const { $row }.name(stringify!($field));
                    let path = if table.is_empty() { key.into() } else { format!("{table}.{key}").into() };
                    $crate::keys::row::Layered::locations(&self.$field, path, put);
                )+
            }
        }

        impl $crate::keys::row::Located for $name {
            fn at(&self) -> &$crate::location::Location {
                &self.at
            }
        }
    };
}
pub(super) use table;
