//! What the server says of itself.

use crate::kms::model::enumeration::SERVER_TYPE;
use crate::kms::model::{Module, Param, RecordType, Type};

pub(crate) static SERVER_INFO: RecordType = RecordType {
    name: "ServerInfo",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::required("version", Type::String),
        Param::required("modules", Type::List(&Type::Record(&MODULE_INFO))),
        Param::required("type", Type::Enum(&SERVER_TYPE)),
        Param::required("capabilities", Type::List(&Type::String)),
    ],
};

pub(crate) static MODULE_INFO: RecordType = RecordType {
    name: "ModuleInfo",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::required("version", Type::String),
        Param::required("name", Type::String),
        Param::required("generationTime", Type::String),
        Param::required("factories", Type::List(&Type::String)),
    ],
};
