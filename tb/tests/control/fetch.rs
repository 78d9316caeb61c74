//! Fetch against a guard made of a memory image, good and bad headers, random stalls.

use hw::control::fetch::{BEATS_BITS, fetch, request_addr_bits};
use hw::isa::{Cause, FORMAT_VERSION, IMAGE_MAGIC, PROGRAM_MAGIC};
use hw::params::MachineParams;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::Sim;

use crate::{ByName, simulate};

const ABI: u64 = 0x0123_4567_89ab_cdef;
const PROGRAM: u64 = 0x1_0000_0040;
const IMAGE: u64 = 0x2000;

/// What the run ended with: the instruction memory, or cause and information.
type Outcome = Result<Vec<Vec<u32>>, (u64, u64)>;

struct Case {
    program: Vec<u32>,
    image: Vec<u32>,
    program_base: u64,
}

fn header(magic: u32, abi: u64, count: u32) -> Vec<u32> {
    let mut words = vec![magic, FORMAT_VERSION, abi as u32, (abi >> 32) as u32, count];
    words.resize(16, 0xdead_beef);
    words
}

fn good(count: u32) -> Case {
    let mut program = header(PROGRAM_MAGIC, ABI, count);
    program.extend((0..count * 8).map(|i| i.wrapping_mul(0x9e37_79b9)));
    Case {
        program,
        image: header(IMAGE_MAGIC, ABI, 0),
        program_base: PROGRAM,
    }
}

/// Serves requests until `run` or a fault.
fn run(sim: &mut Sim, p: &MachineParams, case: &Case, seed: u64) -> Outcome {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let lanes = p.bus_bits as usize / 32;
    sim.reset(1).unwrap();
    sim.put("prog_base", case.program_base);
    sim.put("image_base", IMAGE);
    sim.put("abi", ABI);
    let mut memory: Vec<(Vec<u32>, bool)> = Vec::new();
    let mut imem = Vec::new();
    let mut offering = false;
    let (req, rsp) = (sim.port("req_data").unwrap(), sim.port("rsp_data").unwrap());
    let data = sim.port("imem_data").unwrap();
    sim.put("start", 1);
    for _ in 0..60_000 {
        sim.put("req_ready", u64::from(rng.random_range(0..3) > 0));
        offering = !memory.is_empty() && (offering || rng.random_range(0..4) > 0);
        sim.put("rsp_valid", offering.into());
        if let (true, Some((beat, last))) = (offering, memory.first()) {
            sim.set_wide(rsp, beat);
            sim.put("rsp_last", u64::from(*last));
        }
        sim.tick().unwrap();
        sim.put("start", 0);
        if offering && sim.see("rsp_ready") == 1 {
            memory.remove(0);
            offering = false;
        }
        if sim.see("req_valid") & sim.see("req_ready") == 1 {
            assert!(memory.is_empty(), "one request at a time");
            let words = sim.get_wide(req);
            let wide = words
                .iter()
                .rev()
                .fold(0u128, |a, &w| a << 32 | u128::from(w));
            let ra = request_addr_bits(p.addr_bits);
            let addr = (wide & ((1 << ra) - 1)) as u64;
            let beats = (wide >> ra) as usize & ((1 << BEATS_BITS) - 1);
            let (words, base) = if addr >= PROGRAM {
                (&case.program, PROGRAM)
            } else {
                (&case.image, IMAGE)
            };
            let at = (addr - base) as usize / 4;
            let beat = |b: usize| words[at + b * lanes..][..lanes].to_vec();
            memory = (0..beats).map(|b| (beat(b), b + 1 == beats)).collect();
        }
        if sim.see("imem_we") == 1 {
            assert_eq!(sim.see("imem_addr"), imem.len() as u64);
            imem.push(sim.get_wide(data).to_vec());
        }
        if sim.see("run") == 1 {
            assert_eq!(sim.see("count"), imem.len() as u64);
            return Ok(imem);
        }
        if sim.see("fault_valid") == 1 {
            assert!(imem.is_empty(), "faults come before the first instruction");
            return Err((sim.see("fault_cause"), sim.see("fault_info")));
        }
    }
    panic!("seed {seed}: neither run nor fault");
}

#[test]
fn programs_arrive_whole_on_every_bus() {
    for (bus_bits, program_words, counts) in [
        (32, 512, [1, 33]),
        (64, 512, [2, 512]),
        (256, 2048, [7, 2048]),
    ] {
        let p = MachineParams {
            bus_bits,
            program_words,
            ..MachineParams::tiny()
        };
        let mut sim = simulate(&fetch(&p).unwrap());
        for (seed, count) in counts.into_iter().enumerate() {
            let case = good(count);
            let imem = run(&mut sim, &p, &case, seed as u64).unwrap();
            assert_eq!(imem.concat(), case.program[16..]);
        }
    }
}

#[test]
fn bad_headers_fault_before_the_first_instruction() {
    let p = MachineParams::tiny();
    let mut sim = simulate(&fetch(&p).unwrap());
    let mut check = |change: &dyn Fn(&mut Case), cause: Cause, info: u32| {
        let mut case = good(4);
        change(&mut case);
        let want = (u64::from(cause.code()), u64::from(info));
        assert_eq!(run(&mut sim, &p, &case, 9), Err(want));
    };
    check(&|c| c.program[0] ^= 1, Cause::AbiProgram, PROGRAM_MAGIC ^ 1);
    check(&|c| c.program[1] = 2, Cause::AbiProgram, 2);
    check(&|c| c.program[2] ^= 8, Cause::AbiProgram, ABI as u32 ^ 8);
    check(&|c| c.program[3] ^= 8, Cause::AbiProgram, ABI as u32);
    check(&|c| c.program[4] = 0, Cause::ProgramSize, 0);
    check(&|c| c.program[4] = 513, Cause::ProgramSize, 513);
    check(
        &|c| c.program[4] = 0x8000_0004,
        Cause::ProgramSize,
        0x8000_0004,
    );
    check(
        &|c| c.image[0] = PROGRAM_MAGIC,
        Cause::AbiImage,
        PROGRAM_MAGIC,
    );
    check(&|c| c.image[1] = 0, Cause::AbiImage, 0);
    check(&|c| c.image[3] = 0, Cause::AbiImage, ABI as u32);
    check(&|c| c.program_base += 32, Cause::Align, PROGRAM as u32 + 32);
    // A correct run follows.
    assert!(run(&mut sim, &p, &good(4), 10).is_ok());
}
