// Behaviour of the ECP5 carry cell for simulation. A half gives propagate from a LUT4; its carry passes where
// propagate is 1 and is the LUT's value for C = D = 0 where it is 0. INJECT1 "YES" cuts the carry input of the sum.
module CCU2C (
    input  wire CIN,
    input  wire A0,
    input  wire B0,
    input  wire C0,
    input  wire D0,
    input  wire A1,
    input  wire B1,
    input  wire C1,
    input  wire D1,
    output wire S0,
    output wire S1,
    output wire COUT
);
    parameter [15:0] INIT0 = 16'h0000;
    parameter [15:0] INIT1 = 16'h0000;
    parameter INJECT1_0 = "YES";
    parameter INJECT1_1 = "YES";

    wire propagate0 = INIT0[{D0, C0, B0, A0}];
    wire propagate1 = INIT1[{D1, C1, B1, A1}];
    wire generate0 = (INJECT1_0 == "NO") & INIT0[{2'b00, B0, A0}];
    wire generate1 = (INJECT1_1 == "NO") & INIT1[{2'b00, B1, A1}];
    wire carry = propagate0 ? CIN : generate0;
    assign S0 = propagate0 ^ ((INJECT1_0 == "NO") & CIN);
    assign S1 = propagate1 ^ ((INJECT1_1 == "NO") & carry);
    assign COUT = propagate1 ? carry : generate1;
endmodule
