// Behaviour of the ECP5 block memories for simulation, as far as the core uses them: one write port, one read port,
// output register on. A read in the cycle of a write to the same address is undefined there and wrong here.

// 512 words of 36 bits.
module PDPW16KD (
    input  wire CLKW,
    input  wire CLKR,
    input  wire DI0,
    input  wire DI1,
    input  wire DI2,
    input  wire DI3,
    input  wire DI4,
    input  wire DI5,
    input  wire DI6,
    input  wire DI7,
    input  wire DI8,
    input  wire DI9,
    input  wire DI10,
    input  wire DI11,
    input  wire DI12,
    input  wire DI13,
    input  wire DI14,
    input  wire DI15,
    input  wire DI16,
    input  wire DI17,
    input  wire DI18,
    input  wire DI19,
    input  wire DI20,
    input  wire DI21,
    input  wire DI22,
    input  wire DI23,
    input  wire DI24,
    input  wire DI25,
    input  wire DI26,
    input  wire DI27,
    input  wire DI28,
    input  wire DI29,
    input  wire DI30,
    input  wire DI31,
    input  wire DI32,
    input  wire DI33,
    input  wire DI34,
    input  wire DI35,
    input  wire ADW0,
    input  wire ADW1,
    input  wire ADW2,
    input  wire ADW3,
    input  wire ADW4,
    input  wire ADW5,
    input  wire ADW6,
    input  wire ADW7,
    input  wire ADW8,
    input  wire ADR0,
    input  wire ADR1,
    input  wire ADR2,
    input  wire ADR3,
    input  wire ADR4,
    input  wire ADR5,
    input  wire ADR6,
    input  wire ADR7,
    input  wire ADR8,
    input  wire ADR9,
    input  wire ADR10,
    input  wire ADR11,
    input  wire ADR12,
    input  wire ADR13,
    input  wire BE0,
    input  wire BE1,
    input  wire BE2,
    input  wire BE3,
    input  wire OCER,
    input  wire RST,
    input  wire CSW0,
    input  wire CSW1,
    input  wire CSW2,
    input  wire CSR0,
    input  wire CSR1,
    input  wire CSR2,
    input  wire CEW,
    input  wire CER,
    output wire DO0,
    output wire DO1,
    output wire DO2,
    output wire DO3,
    output wire DO4,
    output wire DO5,
    output wire DO6,
    output wire DO7,
    output wire DO8,
    output wire DO9,
    output wire DO10,
    output wire DO11,
    output wire DO12,
    output wire DO13,
    output wire DO14,
    output wire DO15,
    output wire DO16,
    output wire DO17,
    output wire DO18,
    output wire DO19,
    output wire DO20,
    output wire DO21,
    output wire DO22,
    output wire DO23,
    output wire DO24,
    output wire DO25,
    output wire DO26,
    output wire DO27,
    output wire DO28,
    output wire DO29,
    output wire DO30,
    output wire DO31,
    output wire DO32,
    output wire DO33,
    output wire DO34,
    output wire DO35
);
    parameter DATA_WIDTH_W = 36;
    parameter DATA_WIDTH_R = 36;
    parameter REGMODE = "NOREG";
    parameter GSR = "ENABLED";
    reg [35:0] words [0:511];
    reg [35:0] word;
    reg [35:0] out;
    wire [35:0] data = {DI35, DI34, DI33, DI32, DI31, DI30, DI29, DI28, DI27, DI26, DI25, DI24, DI23, DI22, DI21, DI20,
        DI19, DI18, DI17, DI16, DI15, DI14, DI13, DI12, DI11, DI10, DI9, DI8, DI7, DI6, DI5, DI4, DI3, DI2,
        DI1, DI0};
    wire [8:0] waddr = {ADW8, ADW7, ADW6, ADW5, ADW4, ADW3, ADW2, ADW1, ADW0};
    wire [8:0] raddr = {ADR13, ADR12, ADR11, ADR10, ADR9, ADR8, ADR7, ADR6, ADR5};
    wire clash = CEW && waddr == raddr;

    always @(posedge CLKW) if (CEW) words[waddr] <= data;
    always @(posedge CLKR) begin
        out <= word;
        if (CER) word <= clash ? ~words[raddr] : words[raddr];
    end
    assign {DO35, DO34, DO33, DO32, DO31, DO30, DO29, DO28, DO27, DO26, DO25, DO24, DO23, DO22, DO21, DO20,
        DO19, DO18, DO17, DO16, DO15, DO14, DO13, DO12, DO11, DO10, DO9, DO8, DO7, DO6, DO5, DO4, DO3, DO2,
        DO1, DO0} = out;
    wire unused = &{1'b0, OCER, RST, ADR0, ADR1, ADR2, ADR3, ADR4, BE0, BE1, BE2, BE3, CSW0, CSW1, CSW2, CSR0, CSR1, CSR2};
endmodule

// 16 kbit in words of 1, 2, 4, 9 or 18 bits.
module DP16KD (
    input  wire CLKA,
    input  wire CLKB,
    input  wire DIA0,
    input  wire DIA1,
    input  wire DIA2,
    input  wire DIA3,
    input  wire DIA4,
    input  wire DIA5,
    input  wire DIA6,
    input  wire DIA7,
    input  wire DIA8,
    input  wire DIA9,
    input  wire DIA10,
    input  wire DIA11,
    input  wire DIA12,
    input  wire DIA13,
    input  wire DIA14,
    input  wire DIA15,
    input  wire DIA16,
    input  wire DIA17,
    input  wire ADA0,
    input  wire ADA1,
    input  wire ADA2,
    input  wire ADA3,
    input  wire ADA4,
    input  wire ADA5,
    input  wire ADA6,
    input  wire ADA7,
    input  wire ADA8,
    input  wire ADA9,
    input  wire ADA10,
    input  wire ADA11,
    input  wire ADA12,
    input  wire ADA13,
    input  wire ADB0,
    input  wire ADB1,
    input  wire ADB2,
    input  wire ADB3,
    input  wire ADB4,
    input  wire ADB5,
    input  wire ADB6,
    input  wire ADB7,
    input  wire ADB8,
    input  wire ADB9,
    input  wire ADB10,
    input  wire ADB11,
    input  wire ADB12,
    input  wire ADB13,
    input  wire OCEB,
    input  wire OCEA,
    input  wire WEB,
    input  wire RSTA,
    input  wire RSTB,
    input  wire CSA0,
    input  wire CSA1,
    input  wire CSA2,
    input  wire CSB0,
    input  wire CSB1,
    input  wire CSB2,
    input  wire CEA,
    input  wire WEA,
    input  wire CEB,
    output wire DOB0,
    output wire DOB1,
    output wire DOB2,
    output wire DOB3,
    output wire DOB4,
    output wire DOB5,
    output wire DOB6,
    output wire DOB7,
    output wire DOB8,
    output wire DOB9,
    output wire DOB10,
    output wire DOB11,
    output wire DOB12,
    output wire DOB13,
    output wire DOB14,
    output wire DOB15,
    output wire DOB16,
    output wire DOB17
);
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter REGMODE_B = "NOREG";
    parameter GSR = "ENABLED";
    localparam SKIP = (DATA_WIDTH_A == 18) ? 4 : (DATA_WIDTH_A == 9) ? 3 : (DATA_WIDTH_A == 4) ? 2 : DATA_WIDTH_A - 1;
    reg [17:0] words [0:16383];
    reg [17:0] word;
    reg [17:0] out;
    wire [17:0] data = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3,
        DIA2, DIA1, DIA0};
    wire [13:0] waddr = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0} >> SKIP;
    wire [13:0] raddr = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0} >> SKIP;
    wire writes = CEA && WEA;
    wire clash = writes && waddr == raddr;

    always @(posedge CLKA) if (writes) words[waddr] <= data;
    always @(posedge CLKB) begin
        out <= word;
        if (CEB) word <= clash ? ~words[raddr] : words[raddr];
    end
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3,
        DOB2, DOB1, DOB0} = out;
    wire unused = &{1'b0, OCEB, OCEA, WEB, RSTA, RSTB, CSA0, CSA1, CSA2, CSB0, CSB1, CSB2};
endmodule
