//! Diagnostics channels that have a thread listen to its heaps as soon as somebody subscribes to them.
//!
//! A channel gets methods `subscribe` and `bindStore` of its own, which are functions of this file: asking JavaScript at each event
//! whether somebody listens would make growth cost half as much again.
//!
//! Invariants: a subscriber hears of what happens after it has subscribed, and of nothing before. The method that was there before is
//! called with the program's own arguments, and what it returns or throws is what the program gets.
//!
//! Costs: some calls of the runtime for each channel and each subscription; none for events.

use super::events;
use super::failure::Failure;
use super::js_value::{Answer, Value, check};
use napi::{ValueType, sys};
use std::ffi::CStr;
use std::ptr;

/// `listenTo(channel: object): undefined`
///
/// Has this thread hear of what happens as soon as somebody subscribes to a diagnostics channel, of which the methods that do so become
/// ones of this file. (They belong to no realm, so they keep none alive.)
pub(super) unsafe extern "C" fn listen_to(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the environment and info of the call that runs, of which the channel is an argument.
    unsafe {
        super::callback::call(env, info, |[channel], _| {
            if channel.kind() != ValueType::Object {
                let (name, expected) = ("channel", "a diagnostics channel");
                return Err(Failure::ArgumentType { name, expected, received: channel.described() });
            }
            METHODS.iter().try_for_each(|name| listen_before(env, channel.raw(), name))
        })
    }
}

/// The methods of a channel that give it a subscriber.
static METHODS: [&CStr; 2] = [c"subscribe", c"bindStore"];

/// Gives a channel a method of its own, which has the thread listen and then calls the own method that was there before, such as that of
/// another addon, or else that of the prototype. A channel that has one of this addon already keeps it.
///
/// # Safety
/// `env` must be the environment of the running callback, and `channel` a value of it.
unsafe fn listen_before(
    env: sys::napi_env,
    channel: sys::napi_value,
    name: &'static &'static CStr,
) -> Result<(), Failure> {
    let (mut is_there, mut method) = (false, ptr::null_mut());
    // SAFETY: the caller vouches for both, and the name ends with a zero.
    check(unsafe { sys::napi_has_named_property(env, channel, name.as_ptr(), &raw mut is_there) })?;
    // Node.js before 18.19 has no stores, and programs look for the method to see that.
    if !is_there {
        return Ok(());
    }
    // SAFETY: the caller vouches for both.
    let (key, is_ours) = unsafe { place_of_earlier(env, channel, name) }?;
    if is_ours {
        return Ok(());
    }
    // SAFETY: the caller vouches for both; the name ends with a zero, and what the function is given is a static.
    unsafe {
        let earlier = own_method(env, channel, name)?;
        define(env, channel, key, earlier)?;
        let (text, length, data) = (name.as_ptr(), name.count_bytes().cast_signed(), ptr::from_ref(name).cast_mut());
        check(sys::napi_create_function(env, text, length, Some(subscribe), data.cast(), &raw mut method))?;
        define(env, channel, name.to_string_lossy().make(env)?, method)
    }
}

/// The name of the property in which a channel keeps the own method that was there before that of this addon, or undefined; and whether
/// the channel has the property. Each addon in the process has another name.
///
/// # Safety
/// `env` must be the environment of the running callback, and `channel` a value of it.
unsafe fn place_of_earlier(
    env: sys::napi_env,
    channel: sys::napi_value,
    name: &CStr,
) -> Result<(sys::napi_value, bool), Failure> {
    let text = format!("mems:{}:{:p}", name.to_string_lossy(), METHODS.as_ptr());
    let mut is_there = false;
    // SAFETY: the caller vouches for both, and the key was just made.
    unsafe {
        let key = text.as_str().make(env)?;
        check(sys::napi_has_own_property(env, channel, key, &raw mut is_there))?;
        Ok((key, is_there))
    }
}

/// A method of a channel's own, or undefined.
///
/// # Safety
/// `env` must be the environment of the running callback, and `channel` a value of it.
unsafe fn own_method(env: sys::napi_env, channel: sys::napi_value, name: &CStr) -> Result<sys::napi_value, Failure> {
    let (mut is_own, mut method) = (false, ptr::null_mut());
    // SAFETY: the caller vouches for both, and the name was just made.
    unsafe {
        let key = name.to_string_lossy().make(env)?;
        check(sys::napi_has_own_property(env, channel, key, &raw mut is_own))?;
        check(if is_own {
            sys::napi_get_property(env, channel, key, &raw mut method)
        } else {
            sys::napi_get_undefined(env, &raw mut method)
        })?;
    }
    Ok(method)
}

/// Gives an object a property that loops over its properties do not see.
///
/// # Safety
/// `env` must be the environment of the running callback, and all others values of it.
unsafe fn define(
    env: sys::napi_env,
    object: sys::napi_value,
    key: sys::napi_value,
    value: sys::napi_value,
) -> Result<(), Failure> {
    let property = sys::napi_property_descriptor {
        utf8name: ptr::null(),
        name: key,
        method: None,
        getter: None,
        setter: None,
        value,
        attributes: sys::PropertyAttributes::writable | sys::PropertyAttributes::configurable,
        data: ptr::null_mut(),
    };
    // SAFETY: the caller vouches for all of them.
    check(unsafe { sys::napi_define_properties(env, object, 1, &raw const property) })
}

/// A method of a channel that gives it a subscriber.
unsafe extern "C" fn subscribe(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    super::failure::guard(env, || {
        // A new subscriber does not hear of what came before it.
        events::say_all(env);
        events::listen();
        let (mut count, mut given) = (2, [ptr::null_mut(); 2]);
        let (mut channel, mut data, mut prototype, mut method, mut returned) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: Node calls this with the environment and info of the call that runs; `listen_before` gave the function its name; all
        // values are of that environment. What the earlier method throws stays pending.
        unsafe {
            let (count_at, given_at) = (&raw mut count, given.as_mut_ptr());
            check(sys::napi_get_cb_info(env, info, count_at, given_at, &raw mut channel, &raw mut data))?;
            let name: &CStr = *data.cast::<&CStr>();
            let (key, _) = place_of_earlier(env, channel, name)?;
            check(sys::napi_get_property(env, channel, key, &raw mut method))?;
            if Value::new(env, method).kind() != ValueType::Function {
                // Node.js gives a channel another prototype in the middle of the first subscription.
                check(sys::napi_get_prototype(env, channel, &raw mut prototype))?;
                check(sys::napi_get_named_property(env, prototype, name.as_ptr(), &raw mut method))?;
            }
            let count = count.min(given.len());
            check(sys::napi_call_function(env, channel, method, count, given.as_ptr(), &raw mut returned))?;
        }
        Ok(returned)
    })
    .unwrap_or(ptr::null_mut())
}
