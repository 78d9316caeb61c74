//! Snapshots of the emitted modules. Their function is tested against the golden model in tb.

use super::{fp_add, fp_from_i32, fp_func, fp_mul, fp_to_int};

#[test]
fn emitted_modules() {
    for module in [fp_add(), fp_mul(), fp_from_i32(), fp_to_int(), fp_func()] {
        let module = module.unwrap();
        insta::assert_snapshot!(module.name.clone(), module.verilog());
    }
}
