// Two registered multipliers, one of which feeds a memory; used to test cell counts.
`default_nettype none
module mul_ram (
    input  wire               clk,
    input  wire               we,
    input  wire        [9:0]  addr,
    input  wire signed [15:0] a,
    input  wire signed [15:0] b,
    output wire signed [31:0] square,
    output reg         [31:0] stored
);
    wire signed [31:0] product;
    reg         [31:0] mem [0:1023];

    mul_part u_product (.clk(clk), .a(a), .b(b), .p(product));
    mul_part u_square  (.clk(clk), .a(a), .b(a), .p(square));

    always @(posedge clk) begin
        if (we) mem[addr] <= product;
        stored <= mem[addr];
    end
endmodule
`default_nettype wire
