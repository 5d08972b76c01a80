//! The cases that JavaScript's model shares with Rust, on the heap and on the shadow of the property tests: three implementations
//! that were written independently give the same addresses and the same text.
//!
//! `npm run cases` writes them. A call is `+size@address`, `+size@-` where memory is refused, or `-address`.

mod program;

use mems::Mems;
use mems::Options;
use mems::heap::PolicyKind;
use program::Shadow;
use serde_json::Value;
use std::collections::HashSet;

const CASES: &str = include_str!("../fixtures/cases.json");

/// The options of a case; those that it does not name are the original's.
fn options(case: &Value, policy: PolicyKind) -> Options {
    let named = &case["options"];
    let number = |name: &str| named[name].as_u64();
    let flag = |name: &str| named[name].as_bool().unwrap_or(false);
    let mut options = Options::default()
        .with_policy(policy)
        .with_growing_blocks(flag("growingBlocks"))
        .with_join_empty_blocks(flag("joinEmptyBlocks"));
    if let Some(bytes) = number("alignment") {
        options = options.with_alignment(bytes).unwrap();
    }
    if let Some(bytes) = number("minBlockSize") {
        options = options.with_min_block_size(bytes).unwrap();
    }
    if let Some(bytes) = number("maxSize") {
        options = options.with_max_size(bytes).unwrap();
    }
    options
}

/// The shadow of a case, unless the case limits the memory, which the shadow cannot.
fn shadow(case: &Value, options: Options) -> Option<Shadow> {
    let is_its = case["options"]["maxSize"].is_null();
    is_its.then(|| Shadow::new(options))
}

#[test]
fn the_heap_and_the_shadow_do_as_the_model() {
    let all: Value = serde_json::from_str(CASES).unwrap();
    let mut policies = HashSet::new();
    for case in all["cases"].as_array().unwrap() {
        let name = case["policy"].as_str().unwrap();
        let policy = name.parse().unwrap();
        let options = options(case, policy);
        let mut mems = Mems::new(options);
        let mut shadow = shadow(case, options);
        for call in case["calls"].as_str().unwrap().split(' ') {
            let what = format!("{call} of {name} {}", case["options"]);
            if let Some(address) = call.strip_prefix('-') {
                let address: u64 = address.parse().unwrap();
                mems.free(address).expect(&what);
                if let Some(shadow) = &mut shadow {
                    shadow.free(address).expect(&what);
                }
                continue;
            }
            let (size, address) = call[1..].split_once('@').unwrap();
            let size: u64 = size.parse().unwrap();
            let Ok(address) = address.parse::<u64>() else {
                let code = mems.malloc(size).map_err(|error| error.code());
                assert_eq!(code, Err("ERR_MEMS_OUT_OF_MEMORY"), "{what}");
                continue;
            };
            assert_eq!(mems.malloc(size).expect(&what), address, "{what}");
            if let Some(shadow) = &mut shadow {
                assert_eq!(shadow.malloc(size), address, "the shadow, {what}");
            }
        }
        let lines: Vec<_> = case["lines"].as_str().unwrap().lines().collect();
        assert_eq!(mems.lines().unwrap(), lines, "{name} {}", case["options"]);
        if let Some(shadow) = shadow {
            assert_eq!(shadow.lines(), lines, "the shadow, {name} {}", case["options"]);
        }
        mems.verify().unwrap();
        mems.finish();
        policies.insert(name);
    }
    assert_eq!(
        policies.len(),
        PolicyKind::ALL.len() - 1,
        "each policy has cases, but for segregated fit, which has no model"
    );
}
