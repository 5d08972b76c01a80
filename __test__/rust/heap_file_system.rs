//! What heap files ask of the system: `src/memory/file`. Files are in a new folder of the system's folder for temporary files, and some
//! in `/dev/shm`.
//!
//! Some tests need another process. It is this program again, with the test to run as its argument and what to do in an environment
//! variable.

use mems::memory::Mapping;
use mems::memory::file::{File, How, Refused, UNIT, boot_id, new_uuid};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Says to a child what to do, and with which file.
const TASK: &str = "MEMS_TEST_TASK";
const FILE: &str = "MEMS_TEST_FILE";

/// For reading only. In a container these files are on an overlay, which is refused then; nobody has opened them before they are copied.
const READING: How = How { read_only: true, follow_symlinks: false, any_owner: false, any_file_system: true };

/// A folder that is removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self::in_folder(&std::env::temp_dir())
    }

    fn in_folder(folder: &Path) -> Self {
        let name = u128::from_be_bytes(new_uuid().expect("random numbers"));
        let path = folder.join(format!("mems-test-{name:032x}"));
        fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }

    /// A path in the folder.
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A new file of `units` units, each of whose bytes is `byte`.
    fn file(&self, units: u64, byte: u8) -> PathBuf {
        let path = self.path("file.mems");
        create(&path, units, byte).expect("the file is made");
        path
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder is there");
        let name =
            |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn create(path: &Path, units: u64, byte: u8) -> Result<bool, Refused> {
    let contents = vec![byte; usize::try_from(units * UNIT).expect("it fits memory")];
    File::create(path, 0o600, units * UNIT, false, &mut |mut file| io::Write::write_all(&mut file, &contents))
}

fn open(path: &Path) -> Arc<File> {
    Arc::new(File::open(path, How::default()).expect("the file is opened"))
}

/// Starts this program with one of its tests, which does `task`.
fn start(test: &str, task: &str, path: &Path) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture"]).env(TASK, task).env(FILE, path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("this program starts")
}

/// What this process, if it is a child, is to do.
fn task() -> Option<(String, PathBuf)> {
    Some((std::env::var(TASK).ok()?, std::env::var_os(FILE)?.into()))
}

/// Waits until a child has printed a line that ends with `wanted`.
fn wait_for(child: &mut Child, wanted: &str) {
    let lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
    let found = lines.map_while(Result::ok).any(|line| line.ends_with(wanted));
    assert!(found, "the child says {wanted}");
}

#[test]
fn a_new_file_is_complete_and_is_not_made_twice() {
    let folder = Folder::new();
    let path = folder.file(2, 7);
    assert!(!create(&path, 1, 8).expect("the system agrees"), "it is there already");
    assert_eq!(fs::read(&path).expect("it is readable"), vec![7; 2 << 16]);
    assert_eq!(folder.names(), ["file.mems"]);
}

#[test]
fn what_fails_while_a_file_is_made_leaves_nothing() {
    let folder = Folder::new();
    let refused = |_: &fs::File| Err(io::Error::other("no"));
    let made = File::create(&folder.path("a"), 0o600, UNIT, false, &mut { refused });
    assert!(matches!(made, Err(Refused::System(error)) if error.to_string() == "no"));
    let made = File::create(&folder.path("a"), 0o600, 1 << 62, false, &mut |_| Ok(()));
    assert!(matches!(made, Err(Refused::System(_))), "no disk has so much room");
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn of_many_that_make_a_file_one_does() {
    let folder = Folder::new();
    for round in 0..20 {
        let path = folder.path(&format!("{round}"));
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4_u8)
                .map(|byte| {
                    (
                        byte,
                        scope.spawn({
                            let path = &path;
                            move || create(path, 1, byte).expect("the system agrees")
                        }),
                    )
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|(byte, thread)| thread.join().expect("no panic").then_some(byte))
                .collect::<Vec<_>>()
        });
        let [byte] = made[..] else { panic!("{} of 4 made it", made.len()) };
        assert_eq!(fs::read(&path).expect("it is readable"), vec![byte; 1 << 16]);
    }
    assert_eq!(folder.names().len(), 20);
}

#[test]
fn paths_that_lead_to_the_same_file_have_its_identity() {
    let folder = Folder::new();
    let path = folder.file(1, 0);
    fs::hard_link(&path, folder.path("other")).expect("a second name");
    create(&folder.path("third"), 1, 0).expect("the system agrees");
    let identity = |path: &Path| open(path).identity().expect("the system says it");
    assert_eq!(identity(&path), identity(&folder.path("other")));
    assert_ne!(identity(&path), identity(&folder.path("third")));
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    let refused = |path: &Path| File::open(path, How::default()).expect_err("it is refused");
    assert!(matches!(refused(&folder.path("none")), Refused::System(error) if error.kind() == io::ErrorKind::NotFound));
    #[cfg(unix)]
    {
        assert!(matches!(refused(&folder.0), Refused::NotAFile));
        assert!(matches!(refused(Path::new("/dev/null")), Refused::NotAFile));
        let pipe = folder.path("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("there is such a program");
        assert!(made.success());
        assert!(matches!(refused(&pipe), Refused::NotAFile), "and nobody waits for its other end");
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_followed_only_if_asked_for() {
    let folder = Folder::new();
    let path = folder.file(1, 0);
    let link = folder.path("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link can be made");
    assert!(matches!(File::open(&link, How::default()), Err(Refused::Symlink)));
    File::open(&link, How { follow_symlinks: true, ..How::default() }).expect("it is followed");
    std::os::unix::fs::symlink(folder.path("none"), folder.path("dangling")).expect("a link can be made");
    assert!(!create(&folder.path("dangling"), 1, 0).expect("the system agrees"), "nothing is made where a link leads");
    assert_eq!(folder.names(), ["dangling", "file.mems", "link"]);
}

#[cfg(unix)]
#[test]
fn a_file_of_another_owner_that_others_may_write_is_refused() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let folder = Folder::new();
    let path = folder.file(1, 0);
    assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, 0o600);
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is this user's");
    set(0o666);
    open(&path);
    // Only root can give files away.
    if chown(&path, Some(12_345), None).is_err() {
        return;
    }
    for mode in [0o666, 0o620, 0o602] {
        set(mode);
        assert!(matches!(File::open(&path, How::default()), Err(Refused::Foreign)));
        File::open(&path, How { any_owner: true, ..How::default() }).expect("it is asked for");
    }
    set(0o644);
    open(&path);
}

#[test]
fn bytes_are_read_and_written_anywhere() {
    let folder = Folder::new();
    let file = open(&folder.file(1, 1));
    file.write_at(UNIT - 2, &[2, 3, 4]).expect("the file grows");
    assert_eq!(file.bytes().expect("the system says it"), UNIT + 1);
    let mut read = [0; 4];
    file.read_at(UNIT - 3, &mut read).expect("they are there");
    assert_eq!(read, [1, 2, 3, 4]);
    assert_eq!(file.read_at(UNIT, &mut read).expect_err("only one is there").kind(), io::ErrorKind::UnexpectedEof);
    file.sync().expect("the disk has room");
}

#[test]
fn two_that_have_a_file_open_exclude_each_other() {
    let folder = Folder::new();
    let path = folder.file(1, 0);
    let (one, other) = (open(&path), open(&path));
    let locked = |file: &File, byte| file.is_byte_locked(byte).expect("the system says it");
    assert!(one.try_lock_byte(5).expect("the system has locks"));
    assert!(!other.try_lock_byte(5).expect("the system has locks"));
    assert!(other.try_lock_byte(6).expect("the system has locks"), "another byte");
    assert!(locked(&other, 5) && locked(&one, 6) && !locked(&one, 4));
    assert!(!other.lock_byte(5, Duration::from_millis(20)).expect("the system has locks"));
    // Another descriptor that is closed releases nothing.
    drop(open(&path));
    assert!(locked(&other, 5));
    one.unlock_byte(5).expect("it has it");
    assert!(!locked(&other, 5));
    assert!(other.lock_byte(5, Duration::ZERO).expect("the system has locks"));
    drop(other);
    // A child that another test is just starting may have copies of this process's descriptors for a moment.
    for byte in [5, 6] {
        assert!(one.lock_byte(byte, Duration::from_secs(60)).expect("the system has locks"), "released with the file");
    }
    assert_eq!(one.bytes().expect("the system says it"), UNIT, "the file has no more bytes than before");
    let reader = File::open(&path, READING).expect("the file is opened");
    assert!(one.try_lock_byte(7).expect("the system has locks"));
    assert!(locked(&reader, 7) && !locked(&reader, 8));
}

#[test]
fn a_waiter_gets_the_lock_when_it_is_released() {
    let folder = Folder::new();
    let path = folder.file(1, 0);
    let (one, other) = (open(&path), open(&path));
    assert!(one.try_lock_byte(0).expect("the system has locks"));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| other.lock_byte(0, Duration::from_secs(60)).expect("the system has locks"));
        one.unlock_byte(0).expect("it has it");
        assert!(waiter.join().expect("no panic"));
    });
}

#[test]
fn the_lock_of_a_killed_process_is_released() {
    if let Some((_, path)) = task() {
        let file = open(&path);
        assert!(file.try_lock_byte(3).expect("the system has locks"));
        println!("\nlocked");
        // Until the parent kills this process.
        let _ = io::stdin().read(&mut [0]);
        return;
    }
    let folder = Folder::new();
    let path = folder.file(1, 0);
    let file = open(&path);
    for _ in 0..5 {
        let mut child = start("the_lock_of_a_killed_process_is_released", "hold", &path);
        wait_for(&mut child, "locked");
        assert!(file.is_byte_locked(3).expect("the system says it"));
        assert!(!file.try_lock_byte(3).expect("the system has locks"));
        child.kill().expect("it is a child");
        // Before it is waited for: a zombie holds nothing.
        assert!(file.lock_byte(3, Duration::from_secs(60)).expect("the system has locks"));
        child.wait().expect("it is a child");
        file.unlock_byte(3).expect("it has it");
    }
}

/// A child of `fork` has copies of the descriptors, and with them the locks, until it lets go.
#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_has_no_map_and_keeps_no_lock_that_it_lets_go() {
    let folder = Folder::new();
    let path = folder.file(1, 1);
    let (file, other) = (open(&path), open(&path));
    assert!(file.try_lock_byte(1).expect("the system has locks"));
    let words = file.map(0, UNIT).expect("it is mapped").words64(0, 1).expect("it is in it");
    let mapping = Mapping::of_file(&file, 0, 1 << 16, 0, true).expect("it is mapped");
    let maps = [std::ptr::from_ref(&words[0]).cast_mut().cast(), mapping.base()];
    // SAFETY: the child makes only system calls that are allowed there, and ends without unwinding.
    let child = unsafe { libc::fork() };
    if child == 0 {
        file.forget();
        let mut present = [0_u8; 64];
        // SAFETY: the child calls only what a child of a process with threads may; mincore looks at addresses that may not be mapped, and there is room for 64 pages.
        unsafe {
            if maps.iter().any(|map| libc::mincore(map.cast(), 1 << 16, present.as_mut_ptr()) == 0) {
                libc::_exit(1);
            }
            libc::pause();
            libc::_exit(2);
        }
    }
    assert!(child > 0, "the system forks");
    assert!(other.is_byte_locked(1).expect("the system says it"), "it is still the parent's");
    drop((words, mapping, file));
    let is_free = other.lock_byte(1, Duration::from_secs(20)).expect("the system has locks");
    let mut status = 0;
    // SAFETY: the child's id, and a place for its status. It is waited for only here.
    let waited = unsafe {
        let early = libc::waitpid(child, &raw mut status, libc::WNOHANG);
        libc::kill(child, libc::SIGKILL);
        if early == 0 { libc::waitpid(child, &raw mut status, 0) } else { early }
    };
    assert!(waited == child && libc::WIFSIGNALED(status), "the child has found no map: {status}");
    assert!(is_free, "though the child lives on");
}

#[test]
fn what_is_stored_in_a_map_is_in_the_file_and_in_all_maps() {
    let folder = Folder::new();
    let path = folder.file(3, 1);
    let (file, other) = (open(&path), open(&path));
    let map = file.map(UNIT, 2 * UNIT).expect("it is mapped");
    let words = map.words64(8, 4).expect("they are in it");
    assert_eq!(words[0].load(SeqCst), u64::from_ne_bytes([1; 8]));
    let same = other.map(0, 3 * UNIT).expect("it is mapped").words32(65_536 + 8, 8).expect("they are in it");
    words[0].store(u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8]), SeqCst);
    assert_eq!(same[1].load(SeqCst), u32::from_le_bytes([5, 6, 7, 8]));
    let mut read = [0; 8];
    file.read_at(UNIT + 8, &mut read).expect("they are there");
    assert_eq!(read, [1, 2, 3, 4, 5, 6, 7, 8]);
    file.sync().expect("the disk has room");
    for (offset, count) in [(4, 1), (131_072 - 8, 2), (usize::MAX - 7, 1), (0, usize::MAX)] {
        assert!(map.words64(offset, count).is_none(), "{count} words from {offset}");
    }
    assert!(map.words32(2, 1).is_none() && map.words32(131_068, 1).is_some());
    drop((map, file));
    // A table keeps what it needs.
    words[3].store(9, SeqCst);
    drop(words);
    for (offset, bytes) in [(1, UNIT), (0, UNIT - 1), (0, 0), (4096, UNIT)] {
        assert_eq!(other.map(offset, bytes).expect_err("no whole units").kind(), io::ErrorKind::InvalidInput);
    }
    assert_eq!(other.map(UNIT, 3 * UNIT).expect_err("it is longer").kind(), io::ErrorKind::UnexpectedEof);
}

#[cfg(any(target_os = "linux", target_vendor = "apple", windows))]
#[test]
fn what_is_stored_in_a_map_for_reading_stays_in_the_process() {
    let folder = Folder::new();
    let path = folder.file(1, 1);
    let reader = Arc::new(File::open(&path, READING).expect("it is opened"));
    let words = reader.map(0, UNIT).expect("it is mapped").words64(0, 8192).expect("they are in it");
    let file = open(&path);
    file.map(0, UNIT).expect("it is mapped").words64(0, 8192).expect("they are in it")[8191].store(5, SeqCst);
    assert_eq!(words[8191].load(SeqCst), 5, "what others store is seen");
    words[0].store(7, SeqCst);
    let mapping = Mapping::of_file(&reader, 0, 1 << 16, 0, false).expect("it is mapped");
    // SAFETY: the first byte of a mapping, which is writable.
    unsafe { mapping.base().write(9) };
    let mut read = [0; 8];
    file.read_at(0, &mut read).expect("they are there");
    assert_eq!(read, [1; 8]);
    assert!(reader.write_at(0, &[2]).is_err() && !reader.is_lost());
}

#[test]
fn a_file_whose_name_is_removed_is_used_on() {
    let folder = Folder::new();
    let path = folder.file(1, 1);
    let file = open(&path);
    let words = file.map(0, UNIT).expect("it is mapped").words64(0, 8192).expect("they are in it");
    // Windows refuses.
    if fs::remove_file(&path).is_ok() {
        words[8191].store(3, SeqCst);
        file.sync().expect("the disk has room");
        assert_eq!(words[8191].load(SeqCst), 3);
        assert!(!file.is_lost());
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_is_cut_is_lost_and_the_process_goes_on() {
    let folder = Folder::new();
    let path = folder.file(4, 1);
    let file = open(&path);
    let words = file.map(0, 4 * UNIT).expect("it is mapped").words64(0, 4 * 8192).expect("they are in it");
    let mapping = Mapping::of_file(&file, 0, 4 << 16, 0, false).expect("it is mapped");
    let sound = open(&path);
    words[8191].store(4, SeqCst);
    fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(UNIT)).expect("it can be cut");
    assert!(!file.is_lost());
    assert_eq!(words[3 * 8192].load(SeqCst), 0, "zeros are read");
    assert!(file.is_lost() && !sound.is_lost());
    words[2 * 8192].store(6, SeqCst);
    assert_eq!(words[2 * 8192].load(SeqCst), 6, "stores stay in the process");
    assert_eq!(words[8191].load(SeqCst), 4, "what is left of the file is still there");
    // SAFETY: a byte of the mapping, which stays readable and writable.
    unsafe {
        mapping.base().wrapping_add(3 << 16).write(8);
        assert_eq!(mapping.base().wrapping_add(3 << 16).read(), 8);
    }
    assert_eq!(fs::metadata(&path).expect("it is there").len(), UNIT);
}

/// Maps a file in a child, cuts it, and does what `task` says.
#[cfg(unix)]
#[test]
fn other_bus_errors_do_what_they_would_have_done() {
    use std::os::unix::process::ExitStatusExt;
    const NAME: &str = "other_bus_errors_do_what_they_would_have_done";
    if let Some((task, path)) = task() {
        extern "C" fn formers(_: i32) {
            // SAFETY: ends the process at once, which a handler may do.
            unsafe { libc::_exit(33) };
        }
        let set = |handler| {
            // SAFETY: the default, or a function of this kind.
            unsafe { libc::signal(libc::SIGBUS, handler) };
        };
        match &task[..] {
            "sent, handled" | "elsewhere, handled" => set(formers as *const () as usize),
            "sent, ignored" | "elsewhere, ignored" => set(libc::SIG_IGN),
            _ => set(libc::SIG_DFL),
        }
        let file = open(&path);
        let words = file.map(0, UNIT).expect("it is mapped").words64(0, 8).expect("they are in it");
        let raw = fs::File::open(&path).expect("it is there");
        let flags = (libc::PROT_READ, libc::MAP_SHARED);
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&raw);
        // SAFETY: a new map, of which MeMS knows nothing.
        let elsewhere = unsafe { libc::mmap(std::ptr::null_mut(), 4096, flags.0, flags.1, descriptor, 0) };
        fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(0)).expect("it can be cut");
        assert_eq!(words[0].load(SeqCst), 0);
        assert!(file.is_lost());
        if task.starts_with("sent") {
            // SAFETY: a signal to this thread.
            unsafe { libc::raise(libc::SIGBUS) };
        } else {
            // SAFETY: nothing is behind it, and the process ends, which is what is tested.
            unsafe { elsewhere.cast::<u8>().read_volatile() };
        }
        std::process::exit(44);
    }
    let folder = Folder::new();
    for (task, code, signal) in [
        ("sent, default", None, Some(libc::SIGBUS)),
        ("sent, ignored", Some(44), None),
        ("sent, handled", Some(33), None),
        ("elsewhere, default", None, Some(libc::SIGBUS)),
        ("elsewhere, ignored", None, Some(libc::SIGBUS)),
        ("elsewhere, handled", Some(33), None),
    ] {
        let path = folder.path(task);
        create(&path, 1, 1).expect("the system agrees");
        let output = start(NAME, task, &path).wait_with_output().expect("it is a child");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.status.signal()), (code, signal), "{task}: {said}");
    }
}

#[test]
fn room_is_found_or_the_file_stays_as_long_as_it_was() {
    let folder = Folder::new();
    let file = open(&folder.file(1, 1));
    file.allocate(UNIT, 3 * UNIT).expect("the disk has room");
    assert_eq!(file.bytes().expect("the system says it"), 4 * UNIT);
    let mut read = vec![1; 3 << 16];
    file.read_at(UNIT, &mut read).expect("they are there");
    assert!(read.iter().all(|&byte| byte == 0));
    file.allocate(0, 2 * UNIT).expect("it is there already");
    assert_eq!(file.bytes().expect("the system says it"), 4 * UNIT, "never shortened");
    file.read_at(0, &mut read[..8]).expect("they are there");
    assert_eq!(read[..8], [1; 8], "what was there is as it was");
    for bytes in [1 << 60, 1 << 63, u64::MAX] {
        file.allocate(4 * UNIT, bytes).expect_err("no disk has so much room");
        assert_eq!(file.bytes().expect("the system says it"), 4 * UNIT);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_is_an_error_and_no_signal() {
    let shared = Path::new("/dev/shm");
    if !shared.is_dir() {
        return;
    }
    let folder = Folder::in_folder(shared);
    let file = open(&folder.file(1, 1));
    let most = {
        let mut said = std::mem::MaybeUninit::<libc::statfs>::uninit();
        // SAFETY: a path that ends with a zero, and a place for the answer.
        assert_eq!(unsafe { libc::statfs(c"/dev/shm".as_ptr(), said.as_mut_ptr()) }, 0);
        // SAFETY: the call has succeeded.
        let said = unsafe { said.assume_init() };
        said.f_blocks * u64::try_from(said.f_bsize).expect("a size")
    };
    // Nothing is filled to find out that this is too much.
    let error = file.allocate(UNIT, most + UNIT).expect_err("it has not so much room");
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    assert_eq!(file.bytes().expect("the system says it"), UNIT);
}

/// In a child, because the limit is the process's.
#[cfg(unix)]
#[test]
fn a_limit_of_the_process_is_an_error_and_no_signal() {
    if let Some((_, path)) = task() {
        let file = open(&path);
        let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
        // SAFETY: numbers.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
        let error = file.allocate(UNIT, 1 << 20).expect_err("it is beyond the limit");
        assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
        assert_eq!(file.bytes().expect("the system says it"), UNIT);
        file.allocate(UNIT, UNIT).expect("it is within the limit");
        return;
    }
    let folder = Folder::new();
    let child = start("a_limit_of_the_process_is_an_error_and_no_signal", "limit", &folder.file(1, 1));
    let output = child.wait_with_output().expect("it is a child");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_mapping_of_a_file_has_its_phase_and_its_front() {
    let folder = Folder::new();
    let file = open(&folder.file(4, 5));
    for phase in [0, 1 << 16, 3 << 16, (2 << 20) - (1 << 16)] {
        let mapping = Mapping::of_file(&file, UNIT, 3 << 16, phase, phase == 0).expect("it is mapped");
        assert_eq!(mapping.base() as usize % (2 << 20), phase);
        assert_eq!(mapping.bytes(), 3 << 16);
        for back in [1, 1 << 16] {
            let before = mapping.base().wrapping_sub(back);
            // SAFETY: the front is mapped, and nobody else uses it.
            unsafe {
                before.write(3);
                assert_eq!((before.read(), mapping.base().read()), (3, 5));
            }
        }
    }
    for (offset, bytes, phase) in [(0, 1 << 16, 4096), (1, 1 << 16, 0), (0, 4096, 0), (0, 0, 0)] {
        let error = Mapping::of_file(&file, offset, bytes, phase, false).expect_err("no multiples");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    let error = Mapping::of_file(&file, UNIT, 4 << 16, 0, false).expect_err("it is longer");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let mut read = vec![0; 4 << 16];
    file.read_at(0, &mut read).expect("they are there");
    assert!(read.iter().all(|&byte| byte == 5), "fronts are not in the file");
}

#[test]
fn ids_are_what_they_should_be() {
    let (one, other) = (new_uuid().expect("random numbers"), new_uuid().expect("random numbers"));
    assert_ne!(one, other);
    assert_eq!((one[6] >> 4, one[8] >> 6), (4, 2));
    let boot = boot_id().expect("the system says it");
    assert_eq!(boot, boot_id().expect("the system says it"));
    assert_ne!(boot, [0; 16]);
    #[cfg(target_os = "linux")]
    {
        let said = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("it is readable");
        let digits = format!("{:032x}", u128::from_be_bytes(boot));
        assert_eq!(digits, said.trim().replace('-', ""));
    }
}
