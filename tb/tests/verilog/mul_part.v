// A registered 16 by 16 multiplier.
`default_nettype none
module mul_part (
    input  wire               clk,
    input  wire signed [15:0] a,
    input  wire signed [15:0] b,
    output reg  signed [31:0] p
);
    always @(posedge clk) begin
        p <= a * b;
    end
endmodule
`default_nettype wire
