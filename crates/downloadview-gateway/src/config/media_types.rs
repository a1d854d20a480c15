//! `[media_types]`: the types of files by extension, and the charset of text.
//! Refused: a `charset` that is not the name of one, `charset = true`, an extension with a dot, a value that is not a
//! media type. A mistake leaves the types as they were before it. The result goes into
//! [`Config::media_types`](super::Config::media_types), and from there into the options of every view.

use std::sync::Arc;

use downloadview::headers::MediaTypes;

use super::reader::scalar::Fault;
use super::reader::{Table, Value};

/// Reads the table; without it, the library's own types and text in UTF-8.
pub(super) fn read(file: &mut Table<'_>) -> Arc<MediaTypes> {
    let mut types = MediaTypes::new();
    let table = file.get("media_types");
    let Some(mut table) = table.and_then(|value| value.table("[media_types]")) else {
        return types.into();
    };
    if let Some(value) = table.get("charset") {
        types = charset(types, &value);
    }
    let extensions = table.get("extensions");
    let extensions = extensions.and_then(|value| value.table("[media_types.extensions]"));
    for (extension, value) in extensions.iter().flat_map(Table::values) {
        let Some(media_type) = value.string() else {
            continue;
        };
        let stated = types.clone().extension(extension, media_type);
        let help = "write the extension without a dot, and a type: gcode = \"text/x-gcode\"";
        let stated = stated.map_err(|error| Fault::new(error.to_string(), help));
        types = value.understood(stated).unwrap_or(types);
    }
    table.finish();
    types.into()
}

/// A name, or `false`: text is sent without one.
fn charset(types: MediaTypes, value: &Value<'_>) -> MediaTypes {
    if value.is_boolean() {
        return match value.boolean() {
            Some(false) => types.without_charset(),
            _ => {
                let help = "write charset = \"utf-8\", or false for none";
                value.refuse(Fault::new("`true` is not the name of a charset", help));
                types
            }
        };
    }
    let Some(text) = value.string() else {
        return types;
    };
    let help = "write its name: \"utf-8\", \"iso-8859-15\"";
    let stated = types.clone().charset(text);
    let stated = stated.map_err(|error| Fault::new(error.to_string(), help));
    value.understood(stated).unwrap_or(types)
}
