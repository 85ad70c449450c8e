//! The `stagedoor` command.

/// The allocator: glibc's keeps memory that it was given once, and costs more time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // The allocator asks for huge pages, of which a small process fills little: after minutes of load it would hold 30 MiB
    // instead of 12. A kernel without them says so, which changes nothing.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    stagedoor::cli::main()
}
