// Behaviour of RAM32M16 (AMD UG574) for simulation: eight look-up tables of 32 x 2 bits, read at their own
// addresses, written together at the address of the last one. Synthesis takes the vendor's own.
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module RAM32M16 #(
  parameter [63:0] INIT_A = 64'd0, INIT_B = 64'd0, INIT_C = 64'd0, INIT_D = 64'd0,
  parameter [63:0] INIT_E = 64'd0, INIT_F = 64'd0, INIT_G = 64'd0, INIT_H = 64'd0
) (
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
      a[i] = INIT_A[2*i+:2]; b[i] = INIT_B[2*i+:2]; c[i] = INIT_C[2*i+:2]; d[i] = INIT_D[2*i+:2];
      e[i] = INIT_E[2*i+:2]; f[i] = INIT_F[2*i+:2]; g[i] = INIT_G[2*i+:2]; h[i] = INIT_H[2*i+:2];
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
