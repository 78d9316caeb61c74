// Behaviour of RAM32M16 (AMD UG574) for simulation: eight look-up tables of 32 x 2 bits, read at their own
// addresses, written together at the address of the last one. Synthesis takes the vendor's own.
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module RAM32M16 (
  input  wire       WCLK,
  input  wire       WE,
  input  wire [4:0] ADDRA, ADDRB, ADDRC, ADDRD, ADDRE, ADDRF, ADDRG, ADDRH,
  input  wire [1:0] DIA, DIB, DIC, DID, DIE, DIF, DIG, DIH,
  output wire [1:0] DOA, DOB, DOC, DOD, DOE, DOF, DOG, DOH
);
  reg [1:0] a [0:31], b [0:31], c [0:31], d [0:31], e [0:31], f [0:31], g [0:31], h [0:31];
  integer   i;
  initial
    for (i = 0; i < 32; i = i + 1) begin
      a[i] = 2'd0; b[i] = 2'd0; c[i] = 2'd0; d[i] = 2'd0; e[i] = 2'd0; f[i] = 2'd0; g[i] = 2'd0; h[i] = 2'd0;
    end
  always @(posedge WCLK)
    if (WE) begin
      a[ADDRH] <= DIA; b[ADDRH] <= DIB; c[ADDRH] <= DIC; d[ADDRH] <= DID;
      e[ADDRH] <= DIE; f[ADDRH] <= DIF; g[ADDRH] <= DIG; h[ADDRH] <= DIH;
    end
  assign DOA = a[ADDRA];
  assign DOB = b[ADDRB];
  assign DOC = c[ADDRC];
  assign DOD = d[ADDRD];
  assign DOE = e[ADDRE];
  assign DOF = f[ADDRF];
  assign DOG = g[ADDRG];
  assign DOH = h[ADDRH];
endmodule
`default_nettype wire
