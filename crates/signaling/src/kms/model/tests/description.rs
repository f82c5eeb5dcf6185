//! `getKmd` describes what is declared.

use crate::kms::model::{Module, class, enumeration, event, kmd, record};
use serde_json::{Value as Json, json};

fn described(module: Module) -> Json {
    serde_json::from_str(&kmd::describe(module, "7.3.0")).expect("it is JSON")
}

fn names(list: &Json) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[test]
fn every_declaration_is_in_its_module_s_description() {
    for module in Module::ALL {
        let description = described(module);
        assert_eq!((&description["name"], &description["version"]), (&json!(module.name()), &json!("7.3.0")));
        let classes: Vec<_> =
            class::ALL.iter().filter(|class| class.module == module).map(|class| class.name).collect();
        assert_eq!(names(&description["remoteClasses"]), classes);
        let words = enumeration::ALL.iter().filter(|words| words.module == module).map(|words| words.name);
        let records = record::ALL.iter().filter(|record| record.module == module).map(|record| record.name);
        assert_eq!(names(&description["complexTypes"]), words.chain(records).collect::<Vec<_>>());
        let events: Vec<_> =
            event::ALL.iter().filter(|event| event.module == module).map(|event| event.name).collect();
        assert_eq!(names(&description["events"]), events);
        for (class, described) in class::ALL
            .iter()
            .filter(|class| class.module == module)
            .zip(description["remoteClasses"].as_array().expect("a list"))
        {
            let methods = described.get("methods").map(names).unwrap_or_default();
            assert_eq!(methods.len(), class.operations.len(), "{class:?}");
            let properties = described.get("properties").map(names).unwrap_or_default();
            assert_eq!(properties.len(), class.properties.len(), "{class:?}");
            assert_eq!(described["extends"].as_str(), class.parent.map(|parent| parent.name));
        }
    }
}

#[test]
fn a_class_reads_as_in_a_kmd_file() {
    let description = described(Module::Elements);
    let classes = description["remoteClasses"].as_array().expect("a list");
    let endpoint = classes.iter().find(|class| class["name"] == "WebRtcEndpoint").expect("it is there");
    assert_eq!(endpoint["extends"], "BaseRtpEndpoint");
    assert_eq!(endpoint.get("abstract"), None);
    let params = endpoint["constructor"]["params"].as_array().expect("a list");
    assert_eq!(params[0], json!({"name": "mediaPipeline", "type": "MediaPipeline"}));
    assert_eq!(
        params[1],
        json!({"name": "recvonly", "type": "boolean", "optional": true, "defaultValue": false})
    );
    let candidate = description["complexTypes"].as_array().expect("a list");
    let candidate = candidate.iter().find(|one| one["name"] == "IceCandidate").expect("it is there");
    assert_eq!(candidate["typeFormat"], "REGISTER");
    assert_eq!(candidate["properties"][2], json!({"name": "sdpMLineIndex", "type": "int"}));
    let suite = description["complexTypes"].as_array().expect("a list");
    let suite = suite.iter().find(|one| one["name"] == "CertificateKeyType").expect("it is there");
    assert_eq!((&suite["typeFormat"], &suite["values"]), (&json!("ENUM"), &json!(["RSA", "ECDSA"])));
}
