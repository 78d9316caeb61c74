// Behaviour of DSP48E2 (AMD UG579) for simulation, as an adder of one, two or four lanes and as a multiplier with an adder
// behind it. Modes that are not modelled stop the simulation. Synthesis takes the vendor's own.
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module DSP48E2 #(
  parameter         USE_MULT    = "MULTIPLY",
  parameter         USE_SIMD    = "ONE48",
  parameter         AMULTSEL    = "A",
  parameter         PREADDINSEL = "A",
  parameter integer AREG        = 1,
  parameter integer BREG        = 1,
  parameter integer ACASCREG    = 1,
  parameter integer BCASCREG    = 1,
  parameter integer MREG        = 1,
  parameter integer INMODEREG   = 1,
  parameter [47:0]  RND         = 48'd0
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
  localparam integer LANE     = (USE_SIMD == "FOUR12") ? 12 : (USE_SIMD == "TWO24") ? 24 : 48;
  localparam         MULTIPLY = (USE_MULT == "MULTIPLY");
  localparam         ADD_D    = (AMULTSEL == "AD");
  localparam         ADDER_OK = (USE_MULT == "NONE") && !ADD_D && MREG == 0 && AREG == BREG && AREG >= 1;
  localparam         MUL_OK   = MULTIPLY && LANE == 48 && MREG == 1 && INMODEREG == 0 && BREG >= 1 && AREG >= 1
                              && (ADD_D ? AREG == 1 && BREG == 2 : AREG == BREG);
  initial
    if (!(ADDER_OK || MUL_OK) || PREADDINSEL != "A" || ACASCREG != AREG || BCASCREG != BREG)
      $error("DSP48E2: these parameters are not modelled");
  /* verilator lint_on WIDTHEXPAND */

  reg [29:0] a1, a2;
  reg [17:0] b1, b2;
  reg [26:0] d, ad;
  reg [44:0] m;
  reg [47:0] c, p;
  reg [8:0]  opmode;
  reg [3:0]  alumode;
  // Registers of the device start at 0, which counts where one is never loaded.
  reg        carry_in;
  initial carry_in = 1'b0;
  wire signed [44:0] factor_a = ADD_D ? {{18{ad[26]}}, ad} : {{18{a2[26]}}, a2[26:0]};
  wire signed [44:0] factor_b = {{27{b2[17]}}, b2};
  always @(posedge CLK) begin
    if (CEA1) a1 <= A;
    if (CEB1) b1 <= B;
    if (CEA2) a2 <= (AREG == 2) ? a1 : A;
    if (CEB2) b2 <= (BREG == 2) ? b1 : B;
    if (CED) d <= D;
    if (CEAD) ad <= d + a2[26:0];
    if (CEM) m <= factor_a * factor_b;
    if (CEC) c <= C;
    if (CECARRYIN) carry_in <= CARRYIN;
    if (CECTRL) opmode <= OPMODE;
    if (CEALUMODE) alumode <= ALUMODE;
  end

  // M is the sum of what X and Y take, each of which alone is no number: here X takes it whole.
  wire       product = opmode[3:0] == 4'b0101;
  reg [47:0] x, y, z, w;
  reg        known;
  always @* begin
    known = (alumode[3:2] == 2'b00) && (INMODE == (ADD_D ? 5'b00100 : 5'b00000));
    case (opmode[1:0])
      2'b00:   x = 48'd0;
      2'b01:   begin x = {{3{m[44]}}, m}; known = known && product && MULTIPLY; end
      2'b10:   x = p;
      default: begin x = {a2, b2}; known = known && !MULTIPLY; end
    endcase
    case (opmode[3:2])
      2'b00:   y = 48'd0;
      2'b01:   begin y = 48'd0; known = known && product; end
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
      2'b10:   w = RND;
      default: w = c;
    endcase
  end

  wire [47:0] sum;
  genvar k;
  generate
    for (k = 0; k < 48; k = k + LANE) begin : lanes
      wire            carry = (k == 0) && carry_in;
      wire [LANE-1:0] terms = w[k+:LANE] + x[k+:LANE] + y[k+:LANE] + {{LANE - 1{1'b0}}, carry};
      assign sum[k+:LANE] = {LANE{alumode[1]}} ^ (({LANE{alumode[0]}} ^ z[k+:LANE]) + terms);
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
  wire unused = &{1'b0, ACIN, BCIN, CARRYCASCIN, CARRYINSEL, CEINMODE, MULTSIGNIN, RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB,
                  RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP, 1'b0};
endmodule
`default_nettype wire
