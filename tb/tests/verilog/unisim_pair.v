// The vendor's primitives beside our models of them (renamed ours_*), with the same random inputs every cycle: prints MISMATCH
// and the time when an output differs, DONE at the end. Only modes are tried that our models know.
`timescale 1ns / 1ps
module unisim_pair;
  reg clk = 1'b0;
  always #5 clk = !clk;

  reg [63:0] state = 64'h9e3779b97f4a7c15;
  function [63:0] step(input [63:0] s);
    begin
      step = s ^ (s << 13);
      step = step ^ (step >> 7);
      step = step ^ (step << 17);
    end
  endfunction

  reg [47:0] ab, c, pcin;
  reg [8:0]  opmode;
  reg [3:0]  alumode;
  reg        enable;
  reg [39:0] ram_addr;
  reg [15:0] ram_data;
  reg        ram_we;
  reg [16:0] carry_in;
  reg [5:0]  lut_in;
  reg [1:0]  pick;
  reg [26:0] a, d;
  reg [17:0] b;
  reg [8:0]  mul_opmode;
  reg [3:0]  mul_alumode;
  reg        carry;
  always @(negedge clk) begin
    state = step(state); ab = state[47:0];
    state = step(state); c = state[47:0];
    state = step(state); pcin = state[47:0];
    state = step(state); pick = state[1:0];
    // X: 0, P, A:B; Y: 0, C; Z: 0, PCIN, P, C; W: 0, P, RND (0 here), C.
    opmode[1:0] = (pick == 2'd0) ? 2'b00 : (pick == 2'd1) ? 2'b10 : 2'b11;
    opmode[3:2] = {2{state[4]}};
    opmode[6:4] = {1'b0, state[6:5]};
    opmode[8:7] = state[8:7];
    alumode = {2'b00, state[20:19]};
    // The vendor's registers are held until the global set/reset of its library ends, after 100 ns.
    enable = (state[12:10] != 3'd0) && ($time > 200);
    lut_in = state[18:13];
    carry_in = state[40:24];
    // The multiplier: X and Y: M, M, 0 and 0, or P and C; every mode of Z, W and ALUMODE; every second factor as large as
    // can be.
    mul_opmode = {state[43:42], 1'b0, state[45:44], state[47] ? 4'b0101 : state[46] ? 4'b0000 : 4'b1110};
    mul_alumode = {2'b00, state[49:48]};
    carry = state[50];
    state = step(state); a = state[0] ? state[27:1] : {state[1], {26{state[2]}}};
    b = state[28] ? state[46:29] : {state[29], {17{state[30]}}};
    state = step(state); d = state[0] ? state[27:1] : {state[1], {26{state[2]}}};
    state = step(state); ram_addr = state[39:0]; ram_we = state[40];
    ram_data = state[63:48];
  end

  genvar k;
  generate
    for (k = 0; k < 6; k = k + 1) begin : dsp
      localparam integer REGS = 1 + k / 3;
      localparam SIMD = (k % 3 == 0) ? "ONE48" : (k % 3 == 1) ? "TWO24" : "FOUR12";
      wire [47:0] p, q;
      `define PORTS .CLK(clk), .A(ab[47:18]), .B(ab[17:0]), .C(c), .PCIN(pcin), .OPMODE(opmode), .ALUMODE(alumode), \
        .CEA1(enable & (REGS == 2)), .CEA2(enable), .CEB1(enable & (REGS == 2)), .CEB2(enable), .CEC(enable), .CECTRL(enable), \
        .CEALUMODE(enable), .CEP(enable), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0), .CARRYIN(1'b0), .CARRYINSEL(3'd0), \
        .CEAD(1'b0), .CECARRYIN(1'b0), .CED(1'b0), .CEINMODE(1'b0), .CEM(1'b0), .D(27'd0), .INMODE(5'd0), .MULTSIGNIN(1'b0), \
        .RSTA(1'b0), .RSTALLCARRYIN(1'b0), .RSTALUMODE(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTCTRL(1'b0), .RSTD(1'b0), \
        .RSTINMODE(1'b0), .RSTM(1'b0), .RSTP(1'b0)
      DSP48E2 #(.USE_MULT("NONE"), .USE_SIMD(SIMD), .AREG(REGS), .BREG(REGS), .ACASCREG(REGS), .BCASCREG(REGS), .MREG(0))
        theirs (`PORTS, .P(p));
      ours_DSP48E2 #(.USE_MULT("NONE"), .USE_SIMD(SIMD), .AREG(REGS), .BREG(REGS), .ACASCREG(REGS), .BCASCREG(REGS), .MREG(0))
        ours (`PORTS, .P(q));
      // What the registers held at first is gone when P has been 0 + A:B + C after both have been loaded.
      reg known = 1'b0;
      integer loads = 0;
      always @(posedge clk) begin
        if (enable) loads = loads + 1;
        #1;
        if (p === q && loads > 4) known = 1'b1;
        else if (known) begin
          $display("MISMATCH DSP48E2 %0d at %0t: %h, ours %h", k, $time, p, q);
          $finish;
        end
        if (loads > 200 && !known) begin
          $display("MISMATCH DSP48E2 %0d never agrees", k);
          $finish;
        end
      end
    end
  endgenerate

  generate
    for (k = 0; k < 3; k = k + 1) begin : mul
      localparam integer BREGS = (k == 0) ? 1 : 2;
      localparam integer AREGS = (k == 1) ? 2 : 1;
      localparam AD = (k == 2);
      localparam AMULT = AD ? "AD" : "A";
      wire [47:0] p, q;
      `define MUL_PARAMS .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"), .AMULTSEL(AMULT), .PREADDINSEL("A"), .AREG(AREGS), \
        .BREG(BREGS), .ACASCREG(AREGS), .BCASCREG(BREGS), .MREG(1), .INMODEREG(0), .RND(48'h5a5a12349876)
      `define MUL_PORTS .CLK(clk), .A({{3{a[26]}}, a}), .B(b), .C(c), .D(d), .PCIN(pcin), .OPMODE(mul_opmode), \
        .ALUMODE(mul_alumode), .CARRYIN(carry), .CEA1(enable & (AREGS == 2)), .CEA2(enable), .CEB1(enable & (BREGS == 2)), \
        .CEB2(enable), .CEC(enable), .CED(enable & AD), .CEAD(enable & AD), .CEM(enable), .CECTRL(enable), .CEALUMODE(enable), \
        .CECARRYIN(enable), .CEP(enable), .INMODE({2'b00, AD, 2'b00}), .CEINMODE(1'b0), .ACIN(30'd0), .BCIN(18'd0), \
        .CARRYCASCIN(1'b0), .CARRYINSEL(3'd0), .MULTSIGNIN(1'b0), .RSTA(1'b0), .RSTALLCARRYIN(1'b0), .RSTALUMODE(1'b0), \
        .RSTB(1'b0), .RSTC(1'b0), .RSTCTRL(1'b0), .RSTD(1'b0), .RSTINMODE(1'b0), .RSTM(1'b0), .RSTP(1'b0)
      DSP48E2 #(`MUL_PARAMS) theirs (`MUL_PORTS, .P(p));
      ours_DSP48E2 #(`MUL_PARAMS) ours (`MUL_PORTS, .P(q));
      // As above: P is free of what the registers held at first when a mode without P has been.
      reg known = 1'b0;
      integer loads = 0;
      always @(posedge clk) begin
        if (enable) loads = loads + 1;
        #1;
        if (p === q && loads > 6) known = 1'b1;
        else if (known) begin
          $display("MISMATCH DSP48E2 as multiplier %0d at %0t: %h, ours %h", k, $time, p, q);
          $finish;
        end
        if (loads > 200 && !known) begin
          $display("MISMATCH DSP48E2 as multiplier %0d never agrees", k);
          $finish;
        end
      end
    end
  endgenerate

  wire [15:0] ram_p, ram_q;
  `define RAM .WCLK(clk), .WE(ram_we), .ADDRA(ram_addr[4:0]), .ADDRB(ram_addr[9:5]), .ADDRC(ram_addr[14:10]), \
    .ADDRD(ram_addr[19:15]), .ADDRE(ram_addr[24:20]), .ADDRF(ram_addr[29:25]), .ADDRG(ram_addr[34:30]), .ADDRH(ram_addr[39:35]), \
    .DIA(ram_data[1:0]), .DIB(ram_data[3:2]), .DIC(ram_data[5:4]), .DID(ram_data[7:6]), .DIE(ram_data[9:8]), \
    .DIF(ram_data[11:10]), .DIG(ram_data[13:12]), .DIH(ram_data[15:14])
  RAM32M16 ram_theirs (`RAM, .DOA(ram_p[1:0]), .DOB(ram_p[3:2]), .DOC(ram_p[5:4]), .DOD(ram_p[7:6]), .DOE(ram_p[9:8]),
    .DOF(ram_p[11:10]), .DOG(ram_p[13:12]), .DOH(ram_p[15:14]));
  ours_RAM32M16 ram_ours (`RAM, .DOA(ram_q[1:0]), .DOB(ram_q[3:2]), .DOC(ram_q[5:4]), .DOD(ram_q[7:6]), .DOE(ram_q[9:8]),
    .DOF(ram_q[11:10]), .DOG(ram_q[13:12]), .DOH(ram_q[15:14]));

  wire [7:0] o_p, o_q, co_p, co_q;
  CARRY8 carry_theirs (.CI(carry_in[16]), .CI_TOP(1'b0), .DI(carry_in[7:0]), .S(carry_in[15:8]), .O(o_p), .CO(co_p));
  ours_CARRY8 carry_ours (.CI(carry_in[16]), .CI_TOP(1'b0), .DI(carry_in[7:0]), .S(carry_in[15:8]), .O(o_q), .CO(co_q));

  wire [1:0] lut_p, lut_q;
  LUT6_2 #(.INIT(64'h123456789abcdef0)) lut_theirs (.I0(lut_in[0]), .I1(lut_in[1]), .I2(lut_in[2]), .I3(lut_in[3]),
    .I4(lut_in[4]), .I5(lut_in[5]), .O5(lut_p[0]), .O6(lut_p[1]));
  ours_LUT6_2 #(.INIT(64'h123456789abcdef0)) lut_ours (.I0(lut_in[0]), .I1(lut_in[1]), .I2(lut_in[2]), .I3(lut_in[3]),
    .I4(lut_in[4]), .I5(lut_in[5]), .O5(lut_q[0]), .O6(lut_q[1]));

  always @(posedge clk) begin
    #4;
    if ($time > 200 && {ram_p, o_p, co_p, lut_p} !== {ram_q, o_q, co_q, lut_q}) begin
      $display("MISMATCH at %0t: RAM32M16 %h, ours %h; CARRY8 %h %h, ours %h %h; LUT6_2 %b, ours %b", $time, ram_p, ram_q, o_p,
        co_p, o_q, co_q, lut_p, lut_q);
      $finish;
    end
  end

  initial begin
    repeat (20000) @(posedge clk);
    $display("DONE");
    $finish;
  end
endmodule
