// Behaviour of DSP48E2 (AMD UG579) as an adder of one, two or four lanes, for simulation. Modes that are not modelled stop
// the simulation. Synthesis takes the vendor's own.
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module DSP48E2 #(
  parameter         USE_MULT = "MULTIPLY",
  parameter         USE_SIMD = "ONE48",
  parameter integer AREG     = 1,
  parameter integer BREG     = 1,
  parameter integer ACASCREG = 1,
  parameter integer BCASCREG = 1,
  parameter integer MREG     = 1
) (
  input  wire        CLK,
  input  wire [29:0] A,
  input  wire [17:0] B,
  input  wire [47:0] C,
  input  wire [47:0] PCIN,
  input  wire [8:0]  OPMODE,
  input  wire [3:0]  ALUMODE,
  input  wire        CEA1, CEA2, CEB1, CEB2, CEC, CECTRL, CEALUMODE, CEP,
  input  wire [29:0] ACIN,
  input  wire [17:0] BCIN,
  input  wire        CARRYCASCIN, CARRYIN,
  input  wire [2:0]  CARRYINSEL,
  input  wire        CEAD, CECARRYIN, CED, CEINMODE, CEM,
  input  wire [26:0] D,
  input  wire [4:0]  INMODE,
  input  wire        MULTSIGNIN,
  input  wire        RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP,
  output wire [47:0] P,
  output wire [47:0] PCOUT
);
  // Texts of different length are compared, which is what is meant.
  /* verilator lint_off WIDTHEXPAND */
  localparam integer LANE = (USE_SIMD == "FOUR12") ? 12 : (USE_SIMD == "TWO24") ? 24 : 48;
  initial
    if (USE_MULT != "NONE" || MREG != 0 || AREG != BREG || ACASCREG != AREG || BCASCREG != BREG || AREG < 1)
      $error("DSP48E2: these parameters are not modelled");
  /* verilator lint_on WIDTHEXPAND */

  reg [47:0] ab1, ab2, c, p;
  reg [8:0]  opmode;
  reg [3:0]  alumode;
  always @(posedge CLK) begin
    if (CEA1) ab1[47:18] <= A;
    if (CEB1) ab1[17:0]  <= B;
    if (CEA2) ab2[47:18] <= (AREG == 2) ? ab1[47:18] : A;
    if (CEB2) ab2[17:0]  <= (BREG == 2) ? ab1[17:0] : B;
    if (CEC) c <= C;
    if (CECTRL) opmode <= OPMODE;
    if (CEALUMODE) alumode <= ALUMODE;
  end

  reg [47:0] x, y, z, w;
  reg        known;
  always @* begin
    known = (alumode == 4'b0000) || (alumode == 4'b0011);
    case (opmode[1:0])
      2'b00:   x = 48'd0;
      2'b10:   x = p;
      2'b11:   x = ab2;
      default: begin x = 48'd0; known = 1'b0; end
    endcase
    case (opmode[3:2])
      2'b00:   y = 48'd0;
      2'b11:   y = c;
      default: begin y = 48'd0; known = 1'b0; end
    endcase
    case (opmode[6:4])
      3'b000:  z = 48'd0;
      3'b001:  z = PCIN;
      3'b010:  z = p;
      3'b011:  z = c;
      default: begin z = 48'd0; known = 1'b0; end
    endcase
    case (opmode[8:7])
      2'b00:   w = 48'd0;
      2'b01:   w = p;
      2'b11:   w = c;
      default: begin w = 48'd0; known = 1'b0; end
    endcase
  end

  wire [47:0] sum;
  genvar k;
  generate
    for (k = 0; k < 48; k = k + LANE) begin : lanes
      wire [LANE-1:0] terms = w[k+:LANE] + x[k+:LANE] + y[k+:LANE];
      assign sum[k+:LANE] = alumode[0] ? z[k+:LANE] - terms : z[k+:LANE] + terms;
    end
  endgenerate
  // Before the first clock edges with enables the mode is whatever the simulator starts with: only a mode that is used for
  // P while its enables have been on counts.
  reg started;
  initial started = 1'b0;
  always @(posedge CLK) begin
    if (CECTRL && CEALUMODE) started <= 1'b1;
    if (CEP) begin
      p <= sum;
      if (started && !known) $error("DSP48E2: OPMODE or ALUMODE is not modelled");
    end
  end
  assign P     = p;
  assign PCOUT = p;
  wire unused = &{1'b0, ACIN, BCIN, CARRYCASCIN, CARRYIN, CARRYINSEL, CEAD, CECARRYIN, CED, CEINMODE, CEM, D, INMODE,
                  MULTSIGNIN, RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP, 1'b0};
endmodule
`default_nettype wire
