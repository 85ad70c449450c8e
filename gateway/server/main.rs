//! The `stagedoor` command.

/// The allocator: glibc's keeps memory that it was given once, and costs more time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    stagedoor::cli::main()
}
