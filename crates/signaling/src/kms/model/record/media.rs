//! Formats, connections and tags.

use crate::kms::model::class::MEDIA_ELEMENT;
use crate::kms::model::enumeration::{AUDIO_CODEC, MEDIA_TYPE, VIDEO_CODEC};
use crate::kms::model::{Module, Param, RecordType, Type};

pub(crate) static FRACTION: RecordType = RecordType {
    name: "Fraction",
    module: Module::Core,
    parent: None,
    fields: &[Param::required("numerator", Type::Int), Param::required("denominator", Type::Int)],
};

pub(crate) static AUDIO_CAPS: RecordType = RecordType {
    name: "AudioCaps",
    module: Module::Core,
    parent: None,
    fields: &[Param::required("codec", Type::Enum(&AUDIO_CODEC)), Param::required("bitrate", Type::Int)],
};

pub(crate) static VIDEO_CAPS: RecordType = RecordType {
    name: "VideoCaps",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::required("codec", Type::Enum(&VIDEO_CODEC)),
        Param::required("framerate", Type::Record(&FRACTION)),
    ],
};

pub(crate) static ELEMENT_CONNECTION_DATA: RecordType = RecordType {
    name: "ElementConnectionData",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::required("source", Type::Object(&MEDIA_ELEMENT)),
        Param::required("sink", Type::Object(&MEDIA_ELEMENT)),
        Param::required("type", Type::Enum(&MEDIA_TYPE)),
        Param::required("sourceDescription", Type::String),
        Param::required("sinkDescription", Type::String),
    ],
};

pub(crate) static TAG: RecordType = RecordType {
    name: "Tag",
    module: Module::Core,
    parent: None,
    fields: &[Param::required("key", Type::String), Param::required("value", Type::String)],
};

pub(crate) static CODEC_CONFIGURATION: RecordType = RecordType {
    name: "CodecConfiguration",
    module: Module::Core,
    parent: None,
    fields: &[Param::optional("name", Type::String), Param::optional("properties", Type::Map(&Type::String))],
};

pub(crate) static VIDEO_INFO: RecordType = RecordType {
    name: "VideoInfo",
    module: Module::Elements,
    parent: None,
    fields: &[
        Param::required("isSeekable", Type::Boolean),
        Param::required("seekableInit", Type::Int64),
        Param::required("seekableEnd", Type::Int64),
        Param::required("duration", Type::Int64),
    ],
};
